/**
 * Measures and hashes the body of a response, and keeps its beginning.
 *
 * The body is processed in chunks under a bound on decoded bytes, so that a
 * small response that decodes to a huge one is stopped early.
 *
 * @module
 */

import { createHash, type Hash, hash } from "node:crypto";
import { BodyError, type BodySink, type Coding, isCoding } from "../compute/decoder.ts";

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

/** The content codings of a body, in the order in which they were applied. Unknown codings are ignored, as browsers do. */
export function codingsOf(contentEncoding: string | undefined): Coding[] {
  const codings = (contentEncoding ?? "").toLowerCase().split(",").map((coding) => coding.trim())
    .filter(isCoding);
  if (codings.length > MAX_ENCODINGS) {
    throw new BodyError("bad_response", `The body is encoded ${codings.length} times`);
  }
  return codings;
}

/**
 * The transfer codings of a body but for `chunked`, which has been removed. A server must not use
 * them unasked (RFC 9112 §7), and without decoding the body is not what was asked for.
 */
export function transferCodingsOf(transferEncoding: string | undefined): Coding[] {
  return (transferEncoding ?? "").toLowerCase().split(",").map((coding) => coding.trim())
    .filter((coding) => !["", "chunked", "identity"].includes(coding))
    .map((coding) => {
      if (isCoding(coding)) return coding;
      const detail = `The body has the transfer coding ${coding.slice(0, 40)}, which is unknown`;
      throw new BodyError("bad_response", detail);
    });
}
