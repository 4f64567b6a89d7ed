/**
 * Decodes the content codings of HTTP in chunks.
 *
 * @module
 */

import type { Transform } from "node:stream";
import {
  constants,
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

/** The body cannot be read completely. */
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

/** RFC 9659 §3: a decoder for HTTP need not bear a larger window. */
const ZSTD = { params: { [constants.ZSTD_d_windowLogMax]: 23 } };

/** Each chunk is a message to another thread. */
const CHUNKS = { chunkSize: 65_536 };

const DECODERS = {
  gzip: () => createGunzip(CHUNKS),
  "x-gzip": () => createGunzip(CHUNKS),
  br: () => createBrotliDecompress(CHUNKS),
  zstd: () => createZstdDecompress({ ...ZSTD, ...CHUNKS }),
  // RFC 9110 §8.4.1.2: some send it without the zlib wrapper.
  deflate: (first: number) =>
    (first & 0x0f) === 8 ? createInflate(CHUNKS) : createInflateRaw(CHUNKS),
} satisfies Record<string, (first: number) => Transform>;

/** A content coding that can be decoded. */
export type Coding = keyof typeof DECODERS;

/** Whether a content coding can be decoded. */
export function isCoding(name: string): name is Coding {
  return Object.hasOwn(DECODERS, name);
}

/** Whether its decoder needs megabytes of memory, however small the body. */
export function hasLargeWindow(coding: Coding): boolean {
  return coding === "br" || coding === "zstd";
}

/** Shows whether brotli is complete: a decoder at its end takes no further byte. */
const PROBE = new Uint8Array(1);

/**
 * Decodes one coding, and checks that the encoded data is complete and that nothing
 * follows it. The stream is opened at the first byte: an empty body is not incomplete.
 *
 * The zlib of Deno 2.9.6 reports an early end for gzip and deflate only. For zstd the
 * frames are followed here, and for brotli a probe byte is written at the end.
 */
export class Decoder implements BodySink {
  readonly #inner: BodySink;
  readonly #coding: Coding;
  readonly #frames: ZstdFrames | undefined;
  readonly #failed = Promise.withResolvers<never>();
  readonly #ended = Promise.withResolvers<void>();
  #stream: Transform | undefined;
  #isEnded = false;
  /** The last chunk that the inner sink has not taken yet: a stream may end before. */
  #busy: Promise<void> | undefined;
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

  /** As `BodySink`. */
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

  /** As `BodySink`. */
  async end(): Promise<void> {
    const stream = this.#stream;
    if (this.#frames && !this.#frames.isComplete) throw this.#incomplete();
    if (stream) {
      if (this.#coding === "br" && !this.#isEnded) stream.write(PROBE);
      stream.end();
      await Promise.race([this.#ended.promise, this.#failed.promise]);
      await this.#busy;
      const { bytesWritten: taken } = stream as Transform & { bytesWritten: number };
      if (taken > this.#fed) throw this.#incomplete();
      if (taken < this.#fed - this.#zeros) {
        const detail = `Cannot decode the body: data follows the end of its ${this.#coding} data`;
        throw new BodyError("bad_response", detail);
      }
    }
    await this.#inner.end();
  }

  /** As `BodySink`. */
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
        this.#busy = busy.then(() => void stream.resume());
        this.#busy.catch((error) => this.#fail(error));
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
