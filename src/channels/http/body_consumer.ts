/**
 * Measures the body of a response, extracts from it and saves it.
 *
 * @module
 */

import type { BodySink } from "../compute/decoder.ts";
import type { BodyDigest } from "./body.ts";
import type { Download } from "./download.ts";
import type { TextExtractor } from "./text_extractor.ts";

/** Passes each chunk to the digest, the text extractor and the download. */
export class BodyConsumer implements BodySink {
  /** Length, hash and beginning of the body. */
  readonly digest: BodyDigest;
  /** Lines, words and the whole text, when the task asks for them. */
  readonly extractor: TextExtractor | undefined;
  readonly #download: Download | undefined;
  /** Pending while the part saved by an earlier attempt is replayed. */
  #replayed: Promise<void> | undefined;

  constructor(digest: BodyDigest, extractor?: TextExtractor, download?: Download) {
    this.digest = digest;
    this.extractor = extractor;
    this.#download = download;
  }

  /** New chunks are digested only after the part that was saved before. */
  awaitReplay(replayed: Promise<void>): void {
    this.#replayed = replayed.then(() => this.#replayed = undefined);
    this.#replayed.catch(() => {}); // `write` and `end` report it.
  }

  /** Takes a chunk that is on disk already. */
  replay(chunk: Uint8Array): void {
    this.digest.write(chunk);
    this.extractor?.write(chunk);
  }

  /** Takes the next chunk. */
  write(chunk: Uint8Array): void | Promise<void> {
    if (!this.#replayed) {
      this.replay(chunk);
      return this.#download?.write(chunk);
    }
    const saved = this.#download?.write(chunk);
    return this.#replayed.then(() => {
      this.replay(chunk);
      return saved;
    });
  }

  /** Called after the last chunk of a response. */
  async end(): Promise<void> {
    await this.#replayed;
    await this.#download?.settled();
  }

  /** Called once the body is complete, which may take several responses. */
  finish(): void {
    this.extractor?.end();
  }

  /** Does nothing: the channel closes the download. */
  abandon(): void {}
}
