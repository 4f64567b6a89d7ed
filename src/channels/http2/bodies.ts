/**
 * Bodies of requests on their way out, as far as the server takes them.
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
  /** How much the server takes on all streams at present. */
  #window = FIRST_WINDOW;

  /** Sends what the streams have, by this wire. */
  constructor(wire: Wire, streams: ReadonlyMap<number, Http2Stream>) {
    this.#wire = wire;
    this.#streams = streams;
  }

  /** The server takes so much more, of one stream or of all together. */
  grow(bytes: number, of: "all" | Http2Stream | undefined): void {
    if (bytes === 0) throw broken("A window grows by nothing");
    if (of === undefined) return;
    const window = of === "all" ? this.#window += bytes : of.sendWindow += bytes;
    if (window > MAX_WINDOW) throw broken("A window is too large", ErrorCode.flowControl);
    this.send();
  }

  /** The server takes so much more, or less, of each stream. */
  shift(bytes: number): void {
    for (const stream of this.#streams.values()) stream.sendWindow += bytes;
    this.send();
  }

  /** Sends a frame of each stream in turn, until the server has to read first. */
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
