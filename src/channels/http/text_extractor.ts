/**
 * Reads a body as text while it arrives: counts words and collects lines of a
 * body of any length, and keeps the whole text up to a bound.
 *
 * @module
 */

import { joinBytes } from "../../lib/bytes.ts";
import type { Extraction } from "../../task/extract.ts";
import { decoderFor, SNIFFED_BYTES } from "./text.ts";

/** The whole text of JSON and pages is kept up to this many bytes. */
export const READ_BYTES = 4 * 2 ** 20;
/** A longer line is cut, in UTF-16 code units. */
const MAX_LINE_LENGTH = 2_000;

/** What to read for. */
export interface TextExtractorOptions {
  /** The content type that the response declares. */
  readonly contentType: string | undefined;
  /** How many lines to collect. */
  readonly lines?: Extraction["lines"];
  /** Count words. */
  readonly words?: Extraction["words"];
  /** Keep the whole text. */
  readonly whole: boolean;
}

/** Reads a body in chunks. */
export class TextExtractor {
  readonly #options: TextExtractorOptions;
  /** The first lines that are not blank. */
  readonly lines: string[] = [];
  /** Runs of non-space so far. */
  words = 0;
  #whole: string[] = [];
  #bytes = 0;
  /** Whether the body is text: other bodies have no lines and words. */
  isText = true;
  #sniffed: Uint8Array[] | undefined = [];
  #decoder = new TextDecoder();
  #line = "";
  #inWord = false;
  #lastWasReturn = false;

  constructor(options: TextExtractorOptions) {
    this.#options = options;
  }

  /** The content type that the response declares. */
  get contentType(): string | undefined {
    return this.#options.contentType;
  }

  /** Takes the next chunk; copies what it keeps. */
  write(chunk: Uint8Array): void {
    this.#bytes += chunk.length;
    if (!this.#sniffed) return this.#read(this.#decoder.decode(chunk, { stream: true }));
    this.#sniffed.push(new Uint8Array(chunk));
    if (this.#bytes >= SNIFFED_BYTES) this.#begin(this.#sniffed);
  }

  /** Called after the last chunk. */
  end(): void {
    if (this.#sniffed) this.#begin(this.#sniffed);
    this.#read(this.#decoder.decode());
    this.#endLine();
  }

  /** The whole text; `undefined` when it was too long. */
  text(): string | undefined {
    return this.#bytes > READ_BYTES ? undefined : this.#whole.join("");
  }

  #begin(chunks: readonly Uint8Array[]): void {
    this.#sniffed = undefined;
    const beginning = joinBytes(chunks);
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

  /** One look at each letter: a pattern that finds words takes ten times as long. */
  #count(text: string): void {
    let inWord = this.#inWord;
    for (let at = 0; at < text.length; at++) {
      const isLetter = !isSpace(text.charCodeAt(at));
      if (isLetter && !inWord) this.words++;
      inWord = isLetter;
    }
    this.#inWord = inWord;
  }

  /** CR LF is one end of line, also when it is split between chunks. */
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
    if (this.#line.length >= MAX_LINE_LENGTH) return;
    // Leading white space does not count towards the length.
    const more = this.#line.trim() === "" && this.#line.length + text.length > MAX_LINE_LENGTH
      ? text.trimStart()
      : text;
    this.#line = (this.#line + more).slice(0, MAX_LINE_LENGTH);
  }

  #endLine(): void {
    const wanted = this.lines.length < (this.#options.lines ?? 0);
    if (wanted && this.#line.trim() !== "") this.lines.push(this.#line.toWellFormed());
    this.#line = "";
  }
}

/** White space as `\s` has it. */
function isSpace(code: number): boolean {
  return code <= 0x20
    ? code === 0x20 || (code >= 0x09 && code <= 0x0d)
    : code >= 0xa0 && OTHER_SPACES.has(code);
}

const OTHER_SPACES = new Set([0xa0, 0x1680, 0x2028, 0x2029, 0x202f, 0x205f, 0x3000, 0xfeff]);
for (let code = 0x2000; code <= 0x200a; code++) OTHER_SPACES.add(code);
