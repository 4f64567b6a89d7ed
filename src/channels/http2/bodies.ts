/**
 * Sends request bodies as far as the server's flow control allows.
 *
 * @module
 */

import { broken, ErrorCode } from "./fault.ts";
import { Flag, frame, FrameType, MAX_FRAME_BYTES } from "./frames.ts";
import { FIRST_WINDOW } from "./settings.ts";
import type { Http2Stream } from "./stream.ts";
import type { Wire } from "./wire.ts";

const MAX_WINDOW = 2 ** 31 - 1;

/** The bodies of one connection. */
export class Bodies {
  readonly #wire: Wire;
  readonly #streams: ReadonlyMap<number, Http2Stream>;
  /** Bytes that the server accepts on all streams together. */
  #window = FIRST_WINDOW;

  /** Sends the bodies of `streams` over `wire`. */
  constructor(wire: Wire, streams: ReadonlyMap<number, Http2Stream>) {
    this.#wire = wire;
    this.#streams = streams;
  }

  /** The server accepts more bytes, of one stream or of all together. */
  grow(bytes: number, of: "all" | Http2Stream | undefined): void {
    if (bytes === 0) throw broken("WINDOW_UPDATE with an increment of 0");
    if (of === undefined) return;
    const window = of === "all" ? this.#window += bytes : of.sendWindow += bytes;
    if (window > MAX_WINDOW) {
      throw broken("A flow-control window exceeds 2^31-1", ErrorCode.flowControl);
    }
    this.send();
  }

  /** The server changed the initial window of each stream by this many bytes. */
  shift(bytes: number): void {
    for (const stream of this.#streams.values()) stream.sendWindow += bytes;
    this.send();
  }

  /** Sends one frame of each stream in turn until the windows are used up. */
  send(): void {
    for (let sent = true; sent;) {
      sent = false;
      for (const stream of this.#streams.values()) {
        const { unsent, sendWindow } = stream;
        const bytes = Math.min(unsent.length, this.#window, sendWindow, MAX_FRAME_BYTES);
        if (bytes <= 0 || this.#wire.isFull) continue;
        stream.unsent = unsent.subarray(bytes);
        stream.sendWindow -= bytes;
        this.#window -= bytes;
        const flags = bytes === unsent.length ? Flag.endStream : 0;
        this.#wire.write(frame(FrameType.data, flags, stream.id, unsent.subarray(0, bytes)));
        sent = true;
      }
    }
  }
}
