/**
 * Reads the headers by which a server limits the rate of requests.
 *
 * @module
 */

/** Milliseconds from now; `undefined` for what is neither seconds nor a date. */
export function parseRetryAfter(text: string | undefined, now: number): number | undefined {
  if (text === undefined) return undefined;
  if (/^\s*\d{1,12}\s*$/.test(text)) return Number(text) * 1_000;
  // RFC 9110 §5.6.7 ends every date in GMT; the parser alone would take "5 May" for one.
  const at = /GMT\s*$/.test(text) ? Date.parse(text) : NaN;
  return Number.isNaN(at) ? undefined : Math.max(0, at - now);
}

/** What remains of a quota, and when it is reset. */
export interface RateLimit {
  /** Requests that remain. */
  readonly left?: number;
  /** Milliseconds until the quota is reset. */
  readonly resetMs?: number;
}

/** A larger number of seconds is a Unix timestamp, not a duration. */
const TIMESTAMP_FROM = 1_000_000_000;

/**
 * Reads `RateLimit: "default";r=0;t=40` (IETF draft), `RateLimit-Remaining` and
 * `-Reset` (its older form), or `X-RateLimit-…`.
 */
export function rateLimitOf(
  headers: Readonly<Record<string, string>>,
  now: number,
): RateLimit {
  const { ratelimit } = headers;
  if (ratelimit !== undefined && ratelimit.includes(";")) {
    return made(/;\s*r=(\d+)/.exec(ratelimit)?.[1], /;\s*t=(\d+)/.exec(ratelimit)?.[1], now);
  }
  for (const prefix of ["ratelimit-", "x-ratelimit-", "x-rate-limit-"]) {
    const left = headers[`${prefix}remaining`];
    if (left !== undefined) return made(left, headers[`${prefix}reset`], now);
  }
  return {};
}

function made(left: string | undefined, reset: string | undefined, now: number): RateLimit {
  const count = numberOf(left);
  const seconds = numberOf(reset);
  if (count === undefined) return {};
  if (seconds === undefined) return { left: count };
  return {
    left: count,
    resetMs: seconds < TIMESTAMP_FROM ? seconds * 1_000 : seconds * 1_000 - now,
  };
}

function numberOf(text: string | undefined): number | undefined {
  return text !== undefined && /^\s*\d{1,12}(?:\.\d{1,6})?\s*$/.test(text)
    ? Number(text)
    : undefined;
}
