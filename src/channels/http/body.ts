/**
 * Decodes, measures and hashes the body of a response, and keeps its beginning.
 *
 * The body is processed in chunks under a bound on decoded bytes, so that a
 * small response that decodes to a huge one is stopped early.
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
import { ZstdFrames } from "./zstd_frames.ts";

/** Takes a body in chunks. */
export interface BodySink {
  /**
   * Takes the next chunk. A returned promise asks for a pause until it resolves. The
   * chunk's memory may be reused once this has returned or its promise has resolved.
   * Throws or rejects to stop the body.
   */
  write(chunk: Uint8Array): void | Promise<void>;
  /** Called after the last chunk. */
  end(): void | Promise<void>;
  /** Called instead of `end` when the body will not be completed. */
  abandon(): void;
}

/** The body cannot be read completely, or is not what the server announced. */
export class BodyError extends Error {
  /** `BodyError`. */
  override name = "BodyError";
  /** `too_large`, or `bad_response` when the body cannot be decoded. */
  readonly code: "too_large" | "bad_response";

  /** `detail` is shown to the caller. */
  constructor(code: BodyError["code"], detail: string) {
    super(detail);
    this.code = code;
  }
}

/** The value of `Accept-Encoding`. */
export const ACCEPTED_ENCODINGS = "gzip, deflate, br, zstd";
/** No server applies more encodings in good faith. */
const MAX_ENCODINGS = 3;

/** Counts and hashes a decoded body, and keeps its beginning. */
export class BodyDigest implements BodySink {
  readonly #maxBytes: number;
  readonly #keepBytes: number;
  readonly #kept: Uint8Array[] = [];
  #keptBytes = 0;
  #bytes = 0;
  /** Opened only when the body is longer than what is kept; a short body is hashed in one call. */
  #hash: Hash | undefined;

  /** Takes at most `maxBytes` and keeps the first `keepBytes` of them. */
  constructor(maxBytes: number, keepBytes: number) {
    this.#maxBytes = maxBytes;
    this.#keepBytes = keepBytes;
  }

  /** Takes the next chunk; throws a `BodyError` beyond the bound. */
  write(chunk: Uint8Array): void {
    this.#bytes += chunk.length;
    if (this.#bytes > this.#maxBytes) throw tooLarge(this.#maxBytes);
    if (this.#bytes > this.#keepBytes) {
      this.#hash ??= createHash("sha256").update(this.beginning());
      this.#hash.update(chunk);
    }
    if (this.#keptBytes === this.#keepBytes) return;
    const part = new Uint8Array(chunk.subarray(0, this.#keepBytes - this.#keptBytes));
    this.#kept.push(part);
    this.#keptBytes += part.length;
  }

  /** Does nothing. */
  end(): void {}

  /** Does nothing. */
  abandon(): void {}

  /** Decoded bytes so far. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The whole body's SHA-256 in hex; may be called once. */
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

/** The error of a body beyond its bound. */
export function tooLarge(maxBytes: number): BodyError {
  return new BodyError("too_large", `The body is longer than ${maxBytes} bytes`);
}

/** Puts decoders before `sink`, as `Content-Encoding` says. Unknown codings are ignored, as browsers do. */
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

/** Shows whether brotli is complete: a decoder at its end takes no further byte. */
const PROBE = new Uint8Array(1);

/**
 * Decodes one coding, and checks that the encoded data is complete and that nothing
 * follows it. The stream is opened at the first byte: an empty body is not incomplete.
 *
 * The zlib of Deno 2.9.6 reports an early end for gzip and deflate only. For zstd the
 * frames are followed here, and for brotli a probe byte is written at the end.
 */
class Decoder implements BodySink {
  readonly #inner: BodySink;
  readonly #coding: Coding;
  readonly #frames: ZstdFrames | undefined;
  readonly #failed = Promise.withResolvers<never>();
  readonly #ended = Promise.withResolvers<void>();
  #stream: Transform | undefined;
  #isEnded = false;
  /** Encoded bytes so far. */
  #fed = 0;
  /** How many of the last encoded bytes are zero: gzip files may be padded with zeros. */
  #zeros = 0;

  constructor(inner: BodySink, coding: Coding) {
    this.#inner = inner;
    this.#coding = coding;
    this.#frames = coding === "zstd" ? new ZstdFrames() : undefined;
    this.#failed.promise.catch(() => {});
  }

  write(chunk: Uint8Array): void | Promise<void> {
    if (chunk.length === 0) return;
    if (!this.#frames) return this.#feed(chunk);
    let written: void | Promise<void> = undefined;
    try {
      // The decoder starts a new frame only at the start of a chunk.
      for (const part of this.#frames.split(chunk)) written = this.#feed(part);
    } catch {
      throw this.#undecodable();
    }
    return written;
  }

  async end(): Promise<void> {
    const stream = this.#stream;
    if (this.#frames && !this.#frames.isComplete) throw this.#incomplete();
    if (stream) {
      if (this.#coding === "br" && !this.#isEnded) stream.write(PROBE);
      stream.end();
      await Promise.race([this.#ended.promise, this.#failed.promise]);
      const { bytesWritten: taken } = stream as Transform & { bytesWritten: number };
      if (taken > this.#fed) throw this.#incomplete();
      if (taken < this.#fed - this.#zeros) {
        const detail = `Cannot decode the body: data follows the end of its ${this.#coding} data`;
        throw new BodyError("bad_response", detail);
      }
    }
    await this.#inner.end();
  }

  abandon(): void {
    this.#stream?.destroy();
    this.#inner.abandon();
  }

  #feed(chunk: Uint8Array): void | Promise<void> {
    const stream = this.#stream ??= this.#open(chunk[0] ?? 0);
    this.#fed += chunk.length;
    const data = chunk.findLastIndex((byte) => byte !== 0);
    this.#zeros = data < 0 ? this.#zeros + chunk.length : chunk.length - 1 - data;
    if (this.#isEnded) return;
    const taken = new Promise<void>((resolve) => stream.write(chunk, () => resolve()));
    return Promise.race([taken, this.#ended.promise, this.#failed.promise]);
  }

  #open(first: number): Transform {
    const stream: Transform = DECODERS[this.#coding](first);
    stream.on("data", (chunk: Uint8Array) => {
      try {
        const busy = this.#inner.write(chunk);
        if (!busy) return;
        stream.pause();
        busy.then(() => stream.resume(), (error) => this.#fail(error));
      } catch (error) {
        this.#fail(error);
      }
    });
    stream.once("end", () => {
      this.#isEnded = true;
      this.#ended.resolve();
    });
    stream.once("error", (error: Error & { code?: unknown }) => {
      if (error.code === "Z_BUF_ERROR") return this.#fail(this.#incomplete());
      this.#fail(this.#undecodable());
    });
    return stream;
  }

  #incomplete(): BodyError {
    return new BodyError("bad_response", `The body ended before its ${this.#coding} data did`);
  }

  #undecodable(): BodyError {
    return new BodyError("bad_response", `Cannot decode the body as ${this.#coding}`);
  }

  #fail(error: unknown): void {
    this.#failed.reject(error);
    this.#stream?.destroy();
  }
}
