/**
 * Lets servers send `100 Continue` that was not asked for.
 *
 * RFC 9110 §15.2 has clients accept any 1xx response at any time, but undici 8.12 closes the
 * connection at a 100. It ignores all other 1xx, so a 100 is renamed to 102 while undici
 * reads it. Remove this file once undici ignores 100 as well.
 *
 * A 101 is renamed too, because Postrider never asks for another protocol: undici would report a
 * lost connection. After the renaming it refuses the bytes that follow, which are not HTTP.
 *
 * @module
 */

import type { Socket } from "node:net";

/** Sockets on which a request was sent and no final response has started. */
const waiting = new WeakSet<object>();

/** A request was sent on this socket: its response comes next. */
export function expectResponse(socket: object): void {
  waiting.add(socket);
}

const [ZERO, ONE, TWO, LF, CR] = [0x30, 0x31, 0x32, 0x0a, 0x0d];
const CONTINUE = (ONE * 256 + ZERO) * 256 + ZERO;
const SWITCHING = CONTINUE + 1;
/** Bytes of `HTTP/1.1 ` before the status. */
const BEFORE_STATUS = 9;

/** Renames each 100 and 101 that is read from the socket before a final response. */
export function renameContinue(socket: Socket): Socket {
  const read = socket.read;
  /** Bytes of the current head so far, up to the end of its status. */
  let at = 0;
  let digits = 0;
  let isLineEmpty = false;
  socket.read = function (size) {
    const chunk: Uint8Array | null = read.call(socket, size);
    if (chunk !== null && waiting.has(socket)) rename(chunk);
    return chunk;
  };
  return socket;

  function rename(chunk: Uint8Array): void {
    for (let index = 0; index < chunk.length; index++) {
      const byte = chunk[index] ?? 0;
      if (at < BEFORE_STATUS) at++;
      else if (at < BEFORE_STATUS + 3) {
        if (at === BEFORE_STATUS && byte !== ONE) {
          at = 0;
          waiting.delete(socket);
          return;
        }
        digits = at === BEFORE_STATUS ? byte : digits * 256 + byte;
        if (digits === CONTINUE || digits === SWITCHING) chunk[index] = TWO;
        at++;
      } else if (byte === LF && isLineEmpty) {
        at = 0;
        isLineEmpty = false;
      } else if (byte !== CR) isLineEmpty = byte === LF;
    }
  }
}
