/**
 * Quotas of API keys: the section `keys` of `postrider.yaml`.
 *
 * @module
 */

import type { Issue, Parsed } from "./issues.ts";
import { isPlainObject, pointerTo } from "../lib/json.ts";
import { parseRate, type Rate } from "../lib/rate_text.ts";

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
  if (!isPlainObject(value)) return { issues: [{ pointer: "", detail: EXPECTED.section }] };
  const issues: Issue[] = [];
  const keys = new Map<string, KeyLimits>();
  for (const [name, given] of Object.entries(value)) {
    if (isPlainObject(given)) keys.set(name, limitsOf(name, given, issues));
    else issues.push({ pointer: pointerTo([name]), detail: EXPECTED.section });
  }
  return issues.length > 0 ? { issues } : { value: keys };
}

function limitsOf(
  key: string,
  { rate, maxQueued, ...unknown }: Readonly<Record<string, unknown>>,
  issues: Issue[],
): KeyLimits {
  const wrong = (name: string, detail: string) => {
    issues.push({ pointer: pointerTo([key, name]), detail });
  };
  for (const name of Object.keys(unknown)) {
    wrong(name, "Unknown field: remove it or check its spelling");
  }
  const limits: { rate?: Rate; maxQueued?: number } = {};
  if (maxQueued !== undefined) {
    const most = Number(maxQueued);
    if (Number.isInteger(maxQueued) && most >= 1 && most <= MAX_QUEUED) limits.maxQueued = most;
    else wrong("maxQueued", EXPECTED.maxQueued);
  }
  if (rate !== undefined) {
    try {
      limits.rate = parseRate(String(rate));
    } catch {
      wrong("rate", EXPECTED.rate);
    }
  }
  return limits;
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
