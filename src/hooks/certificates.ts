/**
 * Certificates that senders sign with, fetched once and remembered.
 *
 * @module
 */

import type { Clock } from "../lib/clock.ts";
import type { Rate } from "../lib/rate_text.ts";
import { openTokenBuckets } from "../lib/token_bucket.ts";

/** Fetches a certificate as PEM; rejects when that fails. */
export type FetchCertificate = (url: string) => Promise<string>;

/** How many certificates are remembered. */
const MAX_KEPT = 16;
/** How long a certificate is remembered, in milliseconds. */
const KEPT_MS = 86_400_000;
/** How long a fetch that has failed is not repeated, in milliseconds. */
const FAILED_MS = 10_000;
/** Limits fetches: any sender can name a certificate that does not exist. */
const RATE: Rate = { count: 10, windowMs: 60_000 };

/**
 * Returns what finds a certificate by its URL: `undefined` while it cannot be fetched.
 * `onFault` is called for each fetch that fails.
 */
export function openCertificates(
  fetch: FetchCertificate,
  clock: Clock,
  onFault: (url: string, reason: string) => void,
): (url: string) => Promise<string | undefined> {
  const take = openTokenBuckets(clock);
  const kept = new Map<string, { readonly pem: Promise<string | undefined>; until: number }>();
  return async (url) => {
    const known = kept.get(url);
    if (known && known.until > clock.now()) return await known.pem;
    if ((await take("certificates", RATE)).waitMs > 0) return undefined;
    const entry = {
      pem: fetch(url).catch((error) => {
        onFault(url, error instanceof Error ? error.message : String(error));
        entry.until = clock.now() + FAILED_MS;
        return undefined;
      }),
      until: clock.now() + KEPT_MS,
    };
    kept.delete(url);
    kept.set(url, entry);
    const [oldest] = kept.keys();
    if (kept.size > MAX_KEPT && oldest !== undefined) kept.delete(oldest);
    return await entry.pem;
  };
}
