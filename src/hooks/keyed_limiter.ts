/**
 * Limits how often each hook may be called: one token bucket per name.
 *
 * @module
 */

import type { Clock } from "../lib/clock.ts";
import type { Rate } from "../lib/rate_text.ts";

/** Takes one token; returns 0, or the milliseconds until one is available. */
export type TakeTurn = (name: string, rate: Rate) => number;

/** Opens a limiter; a hook whose rate changes keeps its tokens. */
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
