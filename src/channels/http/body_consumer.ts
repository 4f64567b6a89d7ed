/**
 * What is taken in of an answer's body: measured, read, saved.
 *
 * @module
 */

import type { BodyDigest, BodySink } from "./body.ts";
import type { Download } from "./download.ts";
import type { TextExtractor } from "./text_extractor.ts";

/** Takes a body into all that wants it. */
export class BodyConsumer implements BodySink {
  /** Length, hash and beginning. */
  readonly digest: BodyDigest;
  /** Lines, words and the whole text, where they are asked for. */
  readonly reading: TextExtractor | undefined;
  readonly #download: Download | undefined;
  /** What was saved before is taken first. */
  #reviewed: Promise<void> | undefined;

  constructor(digest: BodyDigest, reading?: TextExtractor, download?: Download) {
    this.digest = digest;
    this.reading = reading;
    this.#download = download;
  }

  /** From now on, what comes is looked at only after what was saved before. */
  awaitReview(reviewed: Promise<void>): void {
    this.#reviewed = reviewed.then(() => this.#reviewed = undefined);
    this.#reviewed.catch(() => {}); // What is written hears of it.
  }

  /** Takes a piece that is on the disk already. */
  review(piece: Uint8Array): void {
    this.digest.write(piece);
    this.reading?.write(piece);
  }

  /** Takes the next piece. */
  write(piece: Uint8Array): void | Promise<void> {
    if (!this.#reviewed) {
      this.review(piece);
      return this.#download?.write(piece);
    }
    const saved = this.#download?.write(piece);
    return this.#reviewed.then(() => {
      this.review(piece);
      return saved;
    });
  }

  /** The last piece has come. */
  async end(): Promise<void> {
    await this.#reviewed;
    await this.#download?.settled();
    this.reading?.end();
  }

  /** Nothing is held: whoever opened the download leaves it. */
  abandon(): void {}
}
