/**
 * Flow control: how many bytes a server may send before it has to wait.
 *
 * @module
 */

import { broken, ErrorCode } from "./fault.ts";

/** The window of a stream or of the connection. */
export class ReceiveWindow {
  readonly #bytes: number;
  #left: number;

  /** Starts with a full window of `size` bytes. */
  constructor(bytes: number) {
    this.#bytes = bytes;
    this.#left = bytes;
  }

  /** Counts received bytes; throws an `Http2Fault` when they exceed the window. */
  take(bytes: number): void {
    this.#left -= bytes;
    if (this.#left < 0) {
      throw broken("The server exceeded a flow-control window", ErrorCode.flowControl);
    }
  }

  /** Bytes to grant: 0 until half of the window is used, so that not every chunk causes a frame. */
  refill(): number {
    const used = this.#bytes - this.#left;
    if (used < this.#bytes / 2) return 0;
    this.#left = this.#bytes;
    return used;
  }
}
