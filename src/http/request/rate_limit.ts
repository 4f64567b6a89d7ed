/**
 * How often a key may submit: a bucket of tokens each, filled evenly.
 *
 * @module
 */

import type { Clock } from "../../lib/clock.ts";
import type { Rate } from "../../lib/rate_text.ts";
import { Refusal } from "../problems.ts";

/**
 * Takes one token of this name and returns the headers that tell what is left;
 * throws a `Refusal` with `Retry-After` when there is none.
 */
export type TakeToken = (name: string) => Readonly<Record<string, string>>;

/** Fills a bucket for each name that comes by. There are as many names as keys. */
export function openRateLimit({ count, windowMs }: Rate, clock: Clock): TakeToken {
  const buckets = new Map<string, { tokens: number; at: number }>();
  const policy = `"default";q=${count};w=${Math.ceil(windowMs / 1_000)}`;
  const perMs = count / windowMs;
  return (name) => {
    const at = clock.monotonic();
    const bucket = buckets.get(name) ?? { tokens: count, at };
    const tokens = Math.min(count, bucket.tokens + (at - bucket.at) * perMs);
    const left = tokens < 1 ? tokens : tokens - 1;
    buckets.set(name, { tokens: left, at });
    const headers = {
      "ratelimit-policy": policy,
      "ratelimit": `"default";r=${Math.floor(left)};t=${secondsUntil(count - left, perMs)}`,
    };
    if (tokens >= 1) return headers;
    const detail = `Expected at most ${count} submits in ${windowMs / 1_000} s`;
    const retryAfter = { "retry-after": `${secondsUntil(1 - left, perMs)}` };
    throw new Refusal("rate_limited", { detail, headers: { ...headers, ...retryAfter } });
  };
}

function secondsUntil(tokens: number, perMs: number): number {
  return Math.ceil(tokens / perMs / 1_000);
}
