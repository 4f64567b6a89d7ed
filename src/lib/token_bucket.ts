/**
 * Token buckets: limit how often something may happen, and allow short bursts.
 *
 * @module
 */

import type { Clock } from "./clock.ts";
import type { Rate } from "./rate_text.ts";

/** What a bucket says when a token is taken from it. */
export interface Taken {
  /** Tokens left, a fraction included. */
  readonly left: number;
  /** 0 when a token was taken, else the milliseconds until there is one. */
  readonly waitMs: number;
  /** Milliseconds until the bucket is full again. */
  readonly fullMs: number;
}

/** Takes a token from the bucket of this name. */
export type TakeToken = (name: string, rate: Rate) => Taken;

/** The same, from buckets that may be in a database. */
export type TakeSharedToken = (name: string, rate: Rate) => Taken | Promise<Taken>;

/**
 * Opens a set of buckets, one for each name and full at first. A bucket fills
 * evenly; one whose rate changes keeps its tokens. Buckets are never dropped,
 * so names must come from settings, not from callers.
 */
export function openTokenBuckets(clock: Clock): TakeToken {
  const buckets = new Map<string, { tokens: number; at: number }>();
  return (name, { count, windowMs }) => {
    const at = clock.monotonic();
    const bucket = buckets.get(name) ?? { tokens: count, at };
    const perMs = count / windowMs;
    const tokens = Math.min(count, bucket.tokens + (at - bucket.at) * perMs);
    const left = tokens < 1 ? tokens : tokens - 1;
    buckets.set(name, { tokens: left, at });
    const waitMs = tokens < 1 ? Math.ceil((1 - tokens) / perMs) : 0;
    return { left, waitMs, fullMs: (count - left) / perMs };
  };
}
