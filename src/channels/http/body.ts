/**
 * A response's body: decoded, measured, hashed and, as far as it is text, kept.
 *
 * Everything happens under a bound on decoded bytes, piece by piece, so that
 * a small answer that unpacks to a huge one is stopped on the way.
 *
 * @module
 */

import { createHash, type Hash, hash } from "node:crypto";
import type { Transform } from "node:stream";
import {
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createInflateRaw,
  createZstdDecompress,
} from "node:zlib";

/** Takes a body piece by piece; a promise asks for a pause until it resolves. */
export interface BodySink {
  /**
   * Takes the next piece, whose memory is another's as soon as this has returned
   * or its promise has resolved. Throws or rejects when no more is wanted.
   */
  write(piece: Uint8Array): void | Promise<void>;
  /** Called after the last piece. */
  end(): void | Promise<void>;
  /** Called instead of `end` when the rest will never come. */
  abandon(): void;
}

/** A body cannot be read to its end. */
export class BodyError extends Error {
  /** `BodyError`. */
  override name = "BodyError";
  /** `too_large`, or `bad_response` when it does not decode. */
  readonly code: "too_large" | "bad_response";

  /** Says why. */
  constructor(code: BodyError["code"], detail: string) {
    super(detail);
    this.code = code;
  }
}

/** What we say in `Accept-Encoding`. */
export const ACCEPTED_ENCODINGS = "gzip, deflate, br, zstd";
/** Nobody encodes a body more often; whoever says so wants to see us work. */
const MAX_ENCODINGS = 3;

/** Counts, hashes, and keeps the beginning of a decoded body. */
export class BodyDigest implements BodySink {
  readonly #maxBytes: number;
  readonly #keepBytes: number;
  readonly #kept: Uint8Array[] = [];
  #keptBytes = 0;
  #bytes = 0;
  /** Opened only by what is not kept whole: one call hashes the rest faster. */
  #hash: Hash | undefined;

  /** Takes at most `maxBytes` and keeps the first `keepBytes` of them. */
  constructor(maxBytes: number, keepBytes: number) {
    this.#maxBytes = maxBytes;
    this.#keepBytes = keepBytes;
  }

  /** Takes the next piece; throws a `BodyError` beyond the bound. */
  write(piece: Uint8Array): void {
    this.#bytes += piece.length;
    if (this.#bytes > this.#maxBytes) throw tooLarge(this.#maxBytes);
    if (this.#bytes > this.#keepBytes) {
      this.#hash ??= createHash("sha256").update(this.beginning());
      this.#hash.update(piece);
    }
    if (this.#keptBytes === this.#keepBytes) return;
    const part = new Uint8Array(piece.subarray(0, this.#keepBytes - this.#keptBytes));
    this.#kept.push(part);
    this.#keptBytes += part.length;
  }

  /** Nothing is left to do. */
  end(): void {}

  /** Nothing is held. */
  abandon(): void {}

  /** Decoded bytes so far. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The whole body's SHA-256 in hex; asked for once. */
  sha256(): string {
    return this.#hash ? this.#hash.digest("hex") : hash("sha256", this.beginning(), "hex");
  }

  /** The first bytes. */
  beginning(): Uint8Array {
    const [only] = this.#kept;
    if (only && this.#kept.length === 1) return only;
    const all = new Uint8Array(this.#keptBytes);
    let at = 0;
    for (const part of this.#kept) {
      all.set(part, at);
      at += part.length;
    }
    return all;
  }
}

/** The error of a body that passes its bound. */
export function tooLarge(maxBytes: number): BodyError {
  return new BodyError("too_large", `The body is longer than ${maxBytes} bytes`);
}

/**
 * Puts decoders before `sink`, as `Content-Encoding` says. A coding that
 * nobody knows is taken for none, as browsers do.
 */
export function decodeInto(sink: BodySink, contentEncoding: string | undefined): BodySink {
  const codings = (contentEncoding ?? "").toLowerCase().split(",").map((coding) => coding.trim())
    .filter((coding) => Object.hasOwn(DECODERS, coding));
  if (codings.length > MAX_ENCODINGS) {
    throw new BodyError("bad_response", `The body is encoded ${codings.length} times`);
  }
  return codings.reduce((inner, coding) => new Decoder(inner, coding as Coding), sink);
}

const DECODERS = {
  gzip: () => createGunzip(),
  "x-gzip": () => createGunzip(),
  br: () => createBrotliDecompress(),
  zstd: () => createZstdDecompress(),
  // RFC 9110 §8.4.1.2: some send it without the zlib wrapper.
  deflate: (first: number) => (first & 0x0f) === 8 ? createInflate() : createInflateRaw(),
} satisfies Record<string, (first: number) => Transform>;

type Coding = keyof typeof DECODERS;

/** Opened by the first byte: an empty body is not a broken one. */
class Decoder implements BodySink {
  readonly #inner: BodySink;
  readonly #coding: Coding;
  readonly #failed = Promise.withResolvers<never>();
  readonly #ended = Promise.withResolvers<void>();
  #stream: Transform | undefined;

  constructor(inner: BodySink, coding: Coding) {
    this.#inner = inner;
    this.#coding = coding;
    this.#failed.promise.catch(() => {});
  }

  write(piece: Uint8Array): void | Promise<void> {
    if (piece.length === 0) return;
    const stream = this.#stream ??= this.#open(piece[0] ?? 0);
    const taken = new Promise<void>((resolve) => stream.write(piece, () => resolve()));
    return Promise.race([taken, this.#failed.promise]);
  }

  async end(): Promise<void> {
    this.#stream?.end();
    if (this.#stream) await Promise.race([this.#ended.promise, this.#failed.promise]);
    await this.#inner.end();
  }

  abandon(): void {
    this.#stream?.destroy();
    this.#inner.abandon();
  }

  #open(first: number): Transform {
    const stream: Transform = DECODERS[this.#coding](first);
    stream.on("data", (piece: Uint8Array) => {
      try {
        const busy = this.#inner.write(piece);
        if (!busy) return;
        stream.pause();
        busy.then(() => stream.resume(), (error) => this.#fail(error));
      } catch (error) {
        this.#fail(error);
      }
    });
    stream.once("end", this.#ended.resolve);
    stream.once("error", () => {
      this.#fail(new BodyError("bad_response", `The body is not ${this.#coding}, as it says`));
    });
    return stream;
  }

  #fail(error: unknown): void {
    this.#failed.reject(error);
    this.#stream?.destroy();
  }
}
