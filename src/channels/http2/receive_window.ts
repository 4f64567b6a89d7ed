/**
 * How much a server may send before it has to wait for us.
 *
 * @module
 */

import { broken, ErrorCode } from "./fault.ts";

/** A window of a stream, or of all together. */
export class ReceiveWindow {
  readonly #bytes: number;
  #left: number;

  /** Opens a window of so many bytes. */
  constructor(bytes: number) {
    this.#bytes = bytes;
    this.#left = bytes;
  }

  /** So many bytes came; throws an `Http2Fault` when they were not allowed. */
  take(bytes: number): void {
    this.#left -= bytes;
    if (this.#left < 0) throw broken("More than was allowed", ErrorCode.flowControl);
  }

  /** What to allow anew: 0 until half of it is used up, lest each piece be answered. */
  refill(): number {
    const used = this.#bytes - this.#left;
    if (used < this.#bytes / 2) return 0;
    this.#left = this.#bytes;
    return used;
  }
}
