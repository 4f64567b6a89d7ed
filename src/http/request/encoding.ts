/**
 * Compression and conditional requests of whole responses.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { constants, crc32, deflateRawSync, gzipSync } from "node:zlib";
import { qualityOf } from "./quality.ts";

/** A smaller text is sent faster than it is compressed. */
const MIN_LENGTH = 4_096;
/** Compressing more would delay other requests by more than 15 ms. */
const MAX_LENGTH = 2 ** 20;
/** A third faster than the default, for a few percent more bytes. */
const LEVEL = 4;

/** Whether the client accepts gzip (RFC 9110 §12.5.3). */
export function acceptsGzip({ headers }: Request): boolean {
  return qualityOf(headers.get("accept-encoding"), ["gzip", "*"]) > 0;
}

/** A body and the headers that describe its encoding. */
export interface EncodedBody {
  /** Compressed, or the text itself. */
  readonly body: string | Uint8Array<ArrayBuffer>;
  /** `Vary`, and `Content-Encoding` when it is compressed. */
  readonly headers: Readonly<Record<string, string>>;
}

const VARY = { vary: "accept-encoding" };
const GZIPPED = { ...VARY, "content-encoding": "gzip" };

/** Compresses a large text for a client that accepts it. */
export function encodeBody(request: Request, text: string): EncodedBody {
  if (text.length < MIN_LENGTH) return { body: text, headers: {} };
  if (text.length > MAX_LENGTH || !acceptsGzip(request)) return { body: text, headers: VARY };
  return { body: gzip(text), headers: GZIPPED };
}

/** A text that is compressed at most once. */
export function encodeOnce(text: string): (request: Request) => EncodedBody {
  if (text.length < MIN_LENGTH) return () => ({ body: text, headers: {} });
  let compressed: Uint8Array<ArrayBuffer> | undefined;
  return (request) =>
    acceptsGzip(request)
      ? { body: compressed ??= gzip(text), headers: GZIPPED }
      : { body: text, headers: VARY };
}

/** A text that is sent in parts, each as soon as it exists, and the headers of its encoding. */
export interface EncodedParts {
  /** A part can be read to its end before the next one arrives. */
  readonly body: ReadableStream<Uint8Array<ArrayBuffer>>;
  /** `Vary`, and `Content-Encoding` when it is compressed. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Compresses each part by itself for a client that accepts it. */
export function encodeParts(request: Request, parts: AsyncIterable<string>): EncodedParts {
  return acceptsGzip(request)
    ? { body: ReadableStream.from(gzipParts(parts)), headers: GZIPPED }
    : { body: ReadableStream.from(utf8Parts(parts)), headers: VARY };
}

async function* utf8Parts(parts: AsyncIterable<string>): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  for await (const part of parts) yield new TextEncoder().encode(part);
}

/** RFC 1952 §2.3: deflate, no flags, no time, an unknown system. */
const GZIP_HEAD = Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255);

/** One gzip file. zlib's own stream takes twice as long, and tells late when a part is flushed. */
async function* gzipParts(parts: AsyncIterable<string>): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  let begin = [GZIP_HEAD];
  let sum = 0;
  let size = 0;
  for await (const bytes of utf8Parts(parts)) {
    sum = crc32(bytes, sum);
    size += bytes.length;
    const flushed = { level: LEVEL, finishFlush: constants.Z_SYNC_FLUSH };
    yield Buffer.concat([...begin, deflateRawSync(bytes, flushed)]);
    begin = [];
  }
  const end = Buffer.alloc(8);
  end.writeUInt32LE(sum, 0);
  end.writeUInt32LE(size, 4);
  yield Buffer.concat([...begin, deflateRawSync(""), end]);
}

function gzip(text: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(gzipSync(text, { level: LEVEL }));
}

/** An ETag of a text; weak, because it is the same for each encoding. */
export function weakTag(text: string): string {
  return `W/"${createHash("sha256").update(text).digest("base64url").slice(0, 22)}"`;
}

/** Whether an `If-None-Match` header lists this tag, by weak comparison (RFC 9110 §8.8.3.2). */
export function listsTag(header: string | null, etag: string): boolean {
  const opaque = (tag: string) => tag.trim().replace(/^W\//, "");
  return header?.split(",").some((tag) => tag.trim() === "*" || opaque(tag) === opaque(etag)) ??
    false;
}
