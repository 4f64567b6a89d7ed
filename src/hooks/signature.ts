/**
 * Compares signatures and tokens in constant time. An empty, short or malformed
 * signature is wrong; nothing throws.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { createHash, createHmac, timingSafeEqual } from "node:crypto";

/** The largest difference between a timestamp and now, either way, in seconds. */
const MAX_SKEW = 300;
/** More than any sender uses while it rotates its secrets. */
const MAX_SIGNATURES = 10;

/** How a signature is made. */
export interface Signing {
  /** The parts of the signed text. */
  readonly parts: readonly (string | Uint8Array)[];
  /** The hash of the HMAC; SHA-256 when absent. */
  readonly hash?: string;
  /** The encoding of the signature. */
  readonly encoding: "hex" | "base64";
}

/**
 * Whether one of the signatures was made with one of the secrets. Compares every pair, so
 * that the duration reveals nothing.
 */
export function anySigned(
  secrets: readonly (string | Uint8Array)[],
  { parts, hash = "sha256", encoding }: Signing,
  given: readonly string[],
): boolean {
  let genuine = false;
  for (const secret of secrets) {
    const hmac = createHmac(hash, secret);
    for (const part of parts) hmac.update(part);
    const expected = hmac.digest();
    for (const text of given.slice(0, MAX_SIGNATURES)) {
      const bytes = decode(text, encoding);
      if (bytes?.length === expected.length && timingSafeEqual(bytes, expected)) genuine = true;
    }
  }
  return genuine;
}

/** Whether a text is one of the secrets. Compares digests, because `timingSafeEqual` needs equal lengths. */
export function anyEqual(secrets: readonly string[], given: string): boolean {
  const digest = createHash("sha256").update(given).digest();
  let equal = false;
  for (const secret of secrets) {
    if (timingSafeEqual(createHash("sha256").update(secret).digest(), digest)) equal = true;
  }
  return equal && given !== "";
}

/** Whether an `Authorization` header has one of the secrets: `Bearer SECRET`, or `Basic` with the secret `user:password`. */
export function isAuthorized(secrets: readonly string[], authorization: string): boolean {
  const [, scheme = "", given = ""] = /^(bearer|basic) +([^ ]+)$/i.exec(authorization) ?? [];
  if (scheme.toLowerCase() === "bearer") return anyEqual(secrets, given);
  const bytes = decode(given, "base64");
  const text = bytes && Buffer.from(bytes).toString("utf8");
  return text !== undefined && text.includes(":") && anyEqual(secrets, text);
}

/** Whether a timestamp in seconds since the epoch is at most 300 s away from `now`, in milliseconds. */
export function isFresh(timestamp: string, now: number): boolean {
  return /^\d{1,12}$/.test(timestamp) && Math.abs(Number(timestamp) - now / 1_000) <= MAX_SKEW;
}

/** The text after `prefix`, or "" when it does not start with it. */
export function after(prefix: string, text: string): string {
  return text.startsWith(prefix) ? text.slice(prefix.length) : "";
}

/** Strict: a lenient decoder would accept many spellings of one signature. */
function decode(text: string, encoding: "hex" | "base64"): Uint8Array | undefined {
  const bytes = Buffer.from(text, encoding);
  const isSame = bytes.toString(encoding) === text;
  return isSame && bytes.length > 0 ? bytes : undefined;
}
