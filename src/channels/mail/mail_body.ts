/**
 * A mail on its way to the relay, watched for the moment that decides whether
 * it may have been delivered.
 *
 * @module
 */

import { Readable } from "node:stream";

const PIECE_BYTES = 65_536;

/**
 * A mail's bytes for nodemailer. Nothing is read before the relay has asked
 * for it, so `onLast` is called at the last moment before the mail is whole.
 */
export function bodyOf(bytes: Uint8Array, onLast: () => void): Readable {
  return bytes.length > PIECE_BYTES ? piecewise(bytes, onLast) : inOnePiece(bytes, onLast);
}

/** All that nodemailer asks of a body is to be piped, and a stream for each short mail costs much. */
function inOnePiece(bytes: Uint8Array, onLast: () => void): Readable {
  const body: Pick<Readable, "pipe"> = {
    pipe(destination) {
      onLast();
      destination.end(bytes);
      return destination;
    },
  };
  return body as Readable;
}

function piecewise(bytes: Uint8Array, onLast: () => void): Readable {
  let at = 0;
  return new Readable({
    highWaterMark: PIECE_BYTES,
    read() {
      const piece = bytes.subarray(at, at + PIECE_BYTES);
      at += PIECE_BYTES;
      if (at >= bytes.length && piece.length > 0) onLast();
      this.push(piece.length > 0 ? piece : null);
    },
  });
}
