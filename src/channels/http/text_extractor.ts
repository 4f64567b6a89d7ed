/**
 * A body read as text while it comes: words are counted and lines picked on
 * the way, however long it is; what has to be seen whole is kept up to a bound.
 *
 * @module
 */

import type { Extraction } from "../../task/extract.ts";
import { decoderFor, SNIFFED_BYTES } from "./text.ts";

/** JSON and pages are read whole up to so many bytes. */
export const READ_BYTES = 4 * 2 ** 20;
/** A longer line is cut. */
const LINE_LETTERS = 2_000;

/** What is to be read for. */
export interface TextExtractorOptions {
  /** As the answer declares it. */
  readonly contentType: string | undefined;
  /** Pick the first so many lines. */
  readonly lines?: Extraction["lines"];
  /** Count words. */
  readonly words?: Extraction["words"];
  /** Keep the whole text. */
  readonly whole: boolean;
}

/** Reads a body piece by piece. */
export class TextExtractor {
  readonly #options: TextExtractorOptions;
  /** The first lines that hold more than white space. */
  readonly lines: string[] = [];
  /** Runs of non-space so far. */
  words = 0;
  #whole: string[] = [];
  #bytes = 0;
  /** Whether it is text at all: other bodies have no lines and words. */
  isText = true;
  #sniffed: Uint8Array[] | undefined = [];
  #decoder = new TextDecoder();
  #line = "";
  #inWord = false;
  #lastWasReturn = false;

  constructor(options: TextExtractorOptions) {
    this.#options = options;
  }

  /** Takes the next piece, and keeps nothing of its memory. */
  write(piece: Uint8Array): void {
    this.#bytes += piece.length;
    if (!this.#sniffed) return this.#read(this.#decoder.decode(piece, { stream: true }));
    this.#sniffed.push(new Uint8Array(piece));
    if (this.#bytes >= SNIFFED_BYTES) this.#begin(this.#sniffed);
  }

  /** The last piece has come. */
  end(): void {
    if (this.#sniffed) this.#begin(this.#sniffed);
    this.#read(this.#decoder.decode());
    this.#endLine();
  }

  /** The whole text; `undefined` when it was too long to be kept. */
  text(): string | undefined {
    return this.#bytes > READ_BYTES ? undefined : this.#whole.join("");
  }

  #begin(pieces: readonly Uint8Array[]): void {
    this.#sniffed = undefined;
    const beginning = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const piece of pieces) {
      beginning.set(piece, at);
      at += piece.length;
    }
    this.#decoder = decoderFor(beginning, this.#options.contentType);
    this.isText = this.#decoder.encoding.startsWith("utf-16") || !beginning.includes(0);
    this.#read(this.#decoder.decode(beginning, { stream: true }));
  }

  #read(text: string): void {
    const { whole, words, lines = 0 } = this.#options;
    if (!this.isText) return;
    if (whole && this.#bytes <= READ_BYTES) this.#whole.push(text);
    else this.#whole = [];
    if (words && text !== "") this.#count(text);
    if (this.lines.length < lines && text !== "") this.#split(text);
  }

  #count(text: string): void {
    for (const _ of text.matchAll(/\S+/g)) this.words++;
    if (this.#inWord && /^\S/.test(text)) this.words--;
    this.#inWord = /\S$/.test(text);
  }

  /** A return and a line feed are one end of line, also when they come apart. */
  #split(text: string): void {
    let from = this.#lastWasReturn && text.startsWith("\n") ? 1 : 0;
    this.#lastWasReturn = text.endsWith("\r");
    const ends = /\r\n|\n|\r/g;
    ends.lastIndex = from;
    for (let end = ends.exec(text); end; end = ends.exec(text)) {
      this.#grow(text.slice(from, end.index));
      this.#endLine();
      from = ends.lastIndex;
      if (this.lines.length === this.#options.lines) return;
    }
    this.#grow(text.slice(from));
  }

  #grow(text: string): void {
    if (this.#line.length >= LINE_LETTERS) return;
    // What stands before a line's first letter may be as long as it likes.
    const more = this.#line.trim() === "" && this.#line.length + text.length > LINE_LETTERS
      ? text.trimStart()
      : text;
    this.#line = (this.#line + more).slice(0, LINE_LETTERS);
  }

  #endLine(): void {
    const wanted = this.lines.length < (this.#options.lines ?? 0);
    if (wanted && this.#line.trim() !== "") this.lines.push(this.#line.toWellFormed());
    this.#line = "";
  }
}
