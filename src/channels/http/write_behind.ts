/**
 * Combines small chunks into large writes. One buffer fills while the other is
 * written, so that the memory of a chunk is free as soon as it was taken.
 *
 * @module
 */

/** Size of one write. */
const BUFFER_BYTES = 262_144;

/** Two buffers in front of a writer. */
export class WriteBehind {
  readonly #write: (bytes: Uint8Array) => Promise<void>;
  #filling = new Uint8Array(BUFFER_BYTES);
  #spare: Uint8Array<ArrayBuffer> | undefined;
  #used = 0;
  /** The current write; a failed one stays. */
  #writing: Promise<void> | undefined;
  /** Chunks that wait for a free buffer, one after another. */
  #queue: Promise<void> = Promise.resolve();
  #queued = 0;

  /** `write` is called with each full buffer, and again only once it has resolved. */
  constructor(write: (bytes: Uint8Array) => Promise<void>) {
    this.#write = write;
  }

  /** Takes a chunk. A returned promise asks for a pause; the chunk must not change until it resolves. */
  take(chunk: Uint8Array): void | Promise<void> {
    const rest = this.#queued > 0 ? chunk : this.#fill(chunk);
    if (rest.length === 0) return;
    this.#queued++;
    this.#queue = this.#queue.then(() => this.#fillAll(rest));
    this.#queue.catch(() => {}); // `flush` and the returned promise report it.
    return this.#queue;
  }

  /** Resolves when all chunks are written. */
  async flush(): Promise<void> {
    await this.#queue;
    await this.#writing;
    if (this.#used > 0) await this.#swap();
  }

  async #fillAll(chunk: Uint8Array): Promise<void> {
    for (let rest = chunk; rest.length > 0; rest = this.#fill(rest)) await this.#writing;
    this.#queued--;
  }

  /** Copies what fits into the buffer; returns the rest. */
  #fill(chunk: Uint8Array): Uint8Array {
    let rest = chunk;
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
