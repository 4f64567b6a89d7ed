/**
 * Compression and conditional requests of whole responses.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
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
