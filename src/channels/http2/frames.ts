/**
 * Frames of HTTP/2 (RFC 9113 §4), as bytes.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { freeBuffer } from "../buffer_pool.ts";
import { broken, ErrorCode } from "./fault.ts";

/** Frame types (RFC 9113 §6). */
export const FrameType = {
  data: 0,
  headers: 1,
  priority: 2,
  reset: 3,
  settings: 4,
  push: 5,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

/** Frame flags; `ack` and `endStream` share a bit. */
export const Flag = { ack: 0x1, endStream: 0x1, endHeaders: 0x4, padded: 0x8, priority: 0x20 };

/** Settings (RFC 9113 §6.5.2). */
export const Setting = {
  enablePush: 2,
  maxStreams: 3,
  initialWindow: 4,
  maxFrame: 5,
  maxHeaderBytes: 6,
} as const;

/** The connection preface of a client (RFC 9113 §3.4). */
export const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");

/** The longest payload that is accepted: the protocol's default. */
export const MAX_FRAME_BYTES = 16_384;
const HEAD_BYTES = 9;

/** A received frame. */
export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  readonly payload: Buffer;
}

const WHOLE: Record<number, (bytes: number) => boolean> = {
  [FrameType.reset]: (bytes) => bytes === 4,
  [FrameType.settings]: (bytes) => bytes % 6 === 0,
  [FrameType.ping]: (bytes) => bytes === 8,
  [FrameType.goAway]: (bytes) => bytes >= 8,
  [FrameType.windowUpdate]: (bytes) => bytes === 4,
};

/** Splits received bytes into frames. */
export class FrameReader {
  #rest: Buffer = Buffer.alloc(0);

  /**
   * Yields the complete frames, each valid until the next is requested. Throws an
   * `Http2Fault` for a frame of a wrong size.
   */
  *read(piece: Uint8Array): Generator<Frame, void, void> {
    const bytes = this.#rest.length === 0
      ? Buffer.from(piece.buffer, piece.byteOffset, piece.length)
      : Buffer.concat([this.#rest, piece]);
    let at = 0;
    while (bytes.length - at >= HEAD_BYTES) {
      const length = bytes.readUIntBE(at, 3);
      if (length > MAX_FRAME_BYTES) throw broken("A frame is too long", ErrorCode.frameSize);
      const end = at + HEAD_BYTES + length;
      if (end > bytes.length) break;
      const frame = {
        type: bytes.readUInt8(at + 3),
        flags: bytes.readUInt8(at + 4),
        streamId: bytes.readUInt32BE(at + 5) & 0x7fffffff,
        payload: bytes.subarray(at + HEAD_BYTES, end),
      };
      if (WHOLE[frame.type]?.(length) === false) {
        throw broken("A frame has a wrong size", ErrorCode.frameSize);
      }
      at = end;
      yield frame;
    }
    // A copy, so that a few bytes do not keep the whole buffer alive.
    this.#rest = Buffer.from(bytes.subarray(at));
    if (bytes.buffer !== piece.buffer) freeBuffer(bytes.buffer);
  }
}

/** Writes a frame. */
export function frame(type: number, flags: number, streamId: number, payload: Uint8Array): Buffer {
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(streamId, 5);
  return Buffer.concat([head, payload]);
}

/** Writes a frame whose payload is one number or several. */
export function numbersFrame(type: number, streamId: number, ...numbers: number[]): Buffer {
  const payload = Buffer.alloc(4 * numbers.length);
  numbers.forEach((number, n) => payload.writeUInt32BE(number, 4 * n));
  return frame(type, 0, streamId, payload);
}

/** Writes our settings. */
export function settingsFrame(settings: readonly (readonly [id: number, value: number])[]): Buffer {
  const payload = Buffer.alloc(6 * settings.length);
  settings.forEach(([id, value], n) => {
    payload.writeUInt16BE(id, 6 * n);
    payload.writeUInt32BE(value, 6 * n + 2);
  });
  return frame(FrameType.settings, 0, 0, payload);
}

/** Writes a header block in one or more frames. */
export function headersFrames(
  streamId: number,
  block: Uint8Array,
  endStream: boolean,
  mostBytes: number,
): Buffer {
  const frames: Buffer[] = [];
  for (let at = 0; at === 0 || at < block.length; at += mostBytes) {
    const isLast = at + mostBytes >= block.length;
    const flags = (at === 0 && endStream ? Flag.endStream : 0) | (isLast ? Flag.endHeaders : 0);
    const type = at === 0 ? FrameType.headers : FrameType.continuation;
    frames.push(frame(type, flags, streamId, block.subarray(at, at + mostBytes)));
  }
  return Buffer.concat(frames);
}

/** The payload without padding and, in HEADERS, without priority. */
export function unpadded({ type, flags, payload }: Frame): Buffer {
  const padding = flags & Flag.padded ? payload[0] ?? payload.length : 0;
  const from = (flags & Flag.padded ? 1 : 0) +
    (type === FrameType.headers && flags & Flag.priority ? 5 : 0);
  if (from + padding > payload.length) throw broken("A frame is padded beyond its end");
  return payload.subarray(from, payload.length - padding);
}
