/**
 * Space set aside on the disk. When the disk is full even a DELETE fails, so
 * this is given up to let what runs be settled; nothing new is accepted until
 * it has been made again.
 *
 * @module
 */

/** How often it is tried to make it again. */
const RETRY_MS = 1_000;

/** A file that is worth its size only. */
export class Ballast {
  #path: string;
  #bytes: number;
  #retryAt = 0;
  /** Whether the space is set aside. */
  held = false;

  constructor(path: string, bytes: number) {
    this.#path = path;
    this.#bytes = bytes;
  }

  /** Gives the space up. */
  release(now: number): void {
    this.held = false;
    this.#retryAt = now + RETRY_MS;
    remove(this.#path);
  }

  /** Sets the space aside when it is not; `false` while the disk has none, or it is too soon to ask. */
  hold(now: number): boolean {
    if (this.held) return true;
    if (now < this.#retryAt) return false;
    try {
      // Written, not only made so long: a file with holes sets nothing aside.
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
    // There was none.
  }
}
