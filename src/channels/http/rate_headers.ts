/**
 * What a server says of how often it wants to be asked.
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

/** What is left of an allowance, and when it is full again. */
export interface RateLimit {
  /** Requests that are still taken. */
  readonly left?: number;
  /** Milliseconds until it is full again. */
  readonly resetMs?: number;
}

/** Larger than any number of seconds that somebody waits: it is a moment. */
const MOMENT = 1_000_000_000;

/**
 * Reads `RateLimit: "default";r=0;t=40` (IETF draft), `RateLimit-Remaining` and
 * `-Reset` (its older form), or `X-RateLimit-…` as everybody else writes it.
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
  return { left: count, resetMs: seconds < MOMENT ? seconds * 1_000 : seconds * 1_000 - now };
}

function numberOf(text: string | undefined): number | undefined {
  return text !== undefined && /^\s*\d{1,12}(?:\.\d{1,6})?\s*$/.test(text)
    ? Number(text)
    : undefined;
}
