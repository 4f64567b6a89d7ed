/**
 * How often an API key may submit, and the headers that report it.
 *
 * @module
 */

import type { Clock } from "../../lib/clock.ts";
import type { Rate } from "../../lib/rate_text.ts";
import { openTokenBuckets, type TakeSharedToken } from "../../lib/token_bucket.ts";
import { Refusal } from "../problems.ts";

/**
 * Counts one submit of this key and resolves with the `RateLimit` headers for its
 * answer; rejects with a `Refusal` with `Retry-After` when the rate is exceeded.
 * Returns `undefined` for a key without a limit.
 */
export type CountSubmit = (name: string) => Promise<Readonly<Record<string, string>>> | undefined;

/**
 * Opens a limit for each key; `rateOf` is the rate of one, if it has any. Nodes
 * that share a queue pass `takeShared`, and so share the limits.
 */
export function openRateLimit(
  rateOf: (name: string) => Rate | undefined,
  clock: Clock,
  takeShared?: TakeSharedToken,
): CountSubmit {
  const take = takeShared ?? openTokenBuckets(clock);
  async function countOne(name: string, rate: Rate): Promise<Readonly<Record<string, string>>> {
    const { count, windowMs } = rate;
    const policy = `"default";q=${count};w=${Math.ceil(windowMs / 1_000)}`;
    const { left, waitMs, fullMs } = await take(`key ${name}`, rate);
    const headers = {
      "ratelimit-policy": policy,
      "ratelimit": `"default";r=${Math.floor(left)};t=${Math.ceil(fullMs / 1_000)}`,
    };
    if (waitMs === 0) return headers;
    const detail = `Expected at most ${count} submits in ${windowMs / 1_000} s`;
    const retryAfter = { "retry-after": `${Math.ceil(waitMs / 1_000)}` };
    throw new Refusal("rate_limited", { detail, headers: { ...headers, ...retryAfter } });
  }

  return (name) => {
    const rate = rateOf(name);
    return rate && countOne(name, rate);
  };
}
