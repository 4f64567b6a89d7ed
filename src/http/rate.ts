/**
 * How often a key may submit: a bucket of tokens each, filled evenly.
 *
 * @module
 */

import type { Clock } from "../lib/clock.ts";
import { parseDuration } from "../task/duration.ts";
import { Refusal } from "./problems.ts";

/** So many in such a time. */
export interface Rate {
  /** How many. */
  readonly count: number;
  /** In how many milliseconds. */
  readonly windowMs: number;
}

/** Reads `100/1m`. Throws a `RangeError`. */
export function parseRate(text: string): Rate {
  const [, count, window = ""] = /^(\d{1,9})\/(\w+)$/.exec(text.trim()) ?? [];
  const windowMs = parseDuration(window);
  if (!Number(count) || !windowMs) {
    throw new RangeError(
      `Cannot read rate "${text}": expected a number and a duration such as "100/1m"`,
    );
  }
  return { count: Number(count), windowMs };
}

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
