/**
 * Quotas of API keys: the section `keys` of `postrider.yaml`.
 *
 * @module
 */

import type { Rate } from "../lib/rate_text.ts";
import type { Parsed } from "./issues.ts";
import { countUpTo, parseLimits, readRate } from "./limit_section.ts";

/** What one API key may do; an absent field means the default. */
export interface KeyLimits {
  /** Submits in a time; instead of `POSTRIDER_RATE`. */
  readonly rate?: Rate;
  /** Queued tasks at once. */
  readonly maxQueued?: number;
}

/** Quotas by the name of the API key. */
export type Keys = ReadonlyMap<string, KeyLimits>;

/** The part of the queue that one of several API keys may fill by default. */
const DEFAULT_SHARE = 0.8;
const MAX_QUEUED = 1_000_000_000;
const EXPECTED = {
  section: "Expected names of API keys, each with rate, maxQueued or both",
  maxQueued: "Expected a whole number of tasks from 1 on",
  rate: 'Expected a number per duration such as "100/1m"',
};

/** Parses `{"alice": {"rate": "100/1m", "maxQueued": 10000}}`. */
export function parseKeys(value: unknown): Parsed<Keys> {
  return parseLimits<KeyLimits>(value, EXPECTED.section, {
    maxQueued: { read: countUpTo(MAX_QUEUED), expected: EXPECTED.maxQueued },
    rate: { read: readRate, expected: EXPECTED.rate },
  });
}

/**
 * How many queued tasks an API key may have. Without a limit of its own, one of
 * several keys may fill 80 % of the queue, so that the others can still submit;
 * `undefined` for a single key.
 */
export function maxQueuedOf(
  limits: KeyLimits | undefined,
  { maxQueued, keys }: { readonly maxQueued: number; readonly keys: number },
): number | undefined {
  if (limits?.maxQueued !== undefined) return limits.maxQueued;
  return keys > 1 ? Math.max(1, Math.floor(maxQueued * DEFAULT_SHARE)) : undefined;
}
