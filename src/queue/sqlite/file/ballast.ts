/**
 * Reserved space on the disk. When the disk is full even a DELETE fails. The
 * reserve is then released, so that running attempts can be settled; nothing new
 * is accepted until it has been reserved again.
 *
 * @module
 */

/** The wait before space is reserved again. */
const RETRY_MS = 1_000;

/** A file that only takes up space. */
export class Ballast {
  #path: string;
  #bytes: number;
  #retryAt = 0;
  /** Whether the space is reserved. */
  held = false;

  constructor(path: string, bytes: number) {
    this.#path = path;
    this.#bytes = bytes;
  }

  /** Releases the space. */
  release(now: number): void {
    this.held = false;
    this.#retryAt = now + RETRY_MS;
    remove(this.#path);
  }

  /** Reserves the space if it is not; `false` while the disk has none, or too soon after a failure. */
  hold(now: number): boolean {
    if (this.held) return true;
    if (now < this.#retryAt) return false;
    try {
      // Written in full: a file with holes reserves nothing.
      if (sizeOf(this.#path) !== this.#bytes) {
        Deno.writeFileSync(this.#path, new Uint8Array(this.#bytes), { mode: 0o600 });
      }
      this.held = true;
    } catch {
      remove(this.#path);
      this.#retryAt = now + RETRY_MS;
    }
    return this.held;
  }
}

function sizeOf(path: string): number | undefined {
  try {
    return Deno.statSync(path).size;
  } catch {
    return undefined;
  }
}

function remove(path: string): void {
  try {
    Deno.removeSync(path);
  } catch {
    // It did not exist.
  }
}
