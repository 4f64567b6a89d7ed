/**
 * Gathers small pieces into large writes: one buffer fills while the other is
 * written, so that a piece is done with as soon as it has been taken.
 *
 * @module
 */

/** Written at once. */
const BUFFER_BYTES = 262_144;

/** Two buffers before something that is written to. */
export class WriteBehind {
  readonly #write: (bytes: Uint8Array) => Promise<void>;
  #filling = new Uint8Array(BUFFER_BYTES);
  #spare: Uint8Array<ArrayBuffer> | undefined;
  #used = 0;
  /** The write under way; one that has failed stays. */
  #writing: Promise<void> | undefined;
  /** Pieces that wait for room, one after another. */
  #queue: Promise<void> = Promise.resolve();
  #queued = 0;

  /** Hands on what has been gathered to `write`, which is called again once it has resolved. */
  constructor(write: (bytes: Uint8Array) => Promise<void>) {
    this.#write = write;
  }

  /** Takes a piece; a promise asks for a pause, and that the piece stays as it is until then. */
  take(piece: Uint8Array): void | Promise<void> {
    const rest = this.#queued > 0 ? piece : this.#fill(piece);
    if (rest.length === 0) return;
    this.#queued++;
    this.#queue = this.#queue.then(() => this.#fillAll(rest));
    this.#queue.catch(() => {}); // Whoever waits for it hears of it.
    return this.#queue;
  }

  /** Resolves when all that was taken is written. */
  async flush(): Promise<void> {
    await this.#queue;
    await this.#writing;
    if (this.#used > 0) await this.#swap();
  }

  async #fillAll(piece: Uint8Array): Promise<void> {
    for (let rest = piece; rest.length > 0; rest = this.#fill(rest)) await this.#writing;
    this.#queued--;
  }

  /** Takes in what there is room for; returns the rest. */
  #fill(piece: Uint8Array): Uint8Array {
    let rest = piece;
    for (;;) {
      const part = rest.subarray(0, BUFFER_BYTES - this.#used);
      this.#filling.set(part, this.#used);
      this.#used += part.length;
      rest = rest.subarray(part.length);
      if (this.#used < BUFFER_BYTES || this.#writing) return rest;
      this.#swap();
    }
  }

  #swap(): Promise<void> {
    const full = this.#filling;
    this.#filling = this.#spare ?? new Uint8Array(BUFFER_BYTES);
    this.#spare = full;
    const writing = this.#write(full.subarray(0, this.#used)).then(() => {
      this.#writing = undefined;
    });
    writing.catch(() => {}); // It is awaited before the next one.
    this.#used = 0;
    this.#writing = writing;
    return writing;
  }
}
