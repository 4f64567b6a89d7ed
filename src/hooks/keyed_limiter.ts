/**
 * How often a sender may call: a bucket of tokens for each hook, filled evenly.
 *
 * @module
 */

import type { Clock } from "../lib/clock.ts";
import type { Rate } from "../lib/rate_text.ts";

/** Takes one token; 0, or in how many milliseconds there is one. */
export type TakeTurn = (name: string, rate: Rate) => number;

/** Opens an empty book of buckets; a hook whose rate is changed keeps its tokens. */
export function openLimiter(clock: Clock): TakeTurn {
  const buckets = new Map<string, { tokens: number; at: number }>();
  return (name, { count, windowMs }) => {
    const at = clock.monotonic();
    const bucket = buckets.get(name) ?? { tokens: count, at };
    const perMs = count / windowMs;
    const tokens = Math.min(count, bucket.tokens + (at - bucket.at) * perMs);
    const isFree = tokens >= 1;
    buckets.set(name, { tokens: isFree ? tokens - 1 : tokens, at });
    return isFree ? 0 : Math.ceil((1 - tokens) / perMs);
  };
}
