/**
 * The limits that an operator sets for a host.
 *
 * @module
 */

import type { Issue, Parsed } from "./issues.ts";
import { isPlainObject, pointerTo } from "../lib/json.ts";
import { parseRate, type Rate } from "../lib/rate_text.ts";

/** The default number of attempts to one host or relay at once. */
export const DEFAULT_LANE_LIMIT = 64;

/** The limits of one host; absent ones are the defaults. */
export interface HostLimits {
  /** The most attempts at once. */
  readonly concurrency?: number;
  /** The most attempts in a period. */
  readonly rate?: Rate;
}

/** Limits by host: `example.org` (any scheme and port) or a whole lane, `https://example.org:443`. */
export type Hosts = ReadonlyMap<string, HostLimits>;

const MAX_AT_ONCE = 10_000;
const EXPECTED = {
  section: `Expected hosts such as "example.org", each with concurrency, rate or both`,
  concurrency: `Expected a whole number from 1 to ${MAX_AT_ONCE}`,
  rate: `Expected a number per duration such as "10/1s"`,
};

/** Parses `{"example.org": {"concurrency": 4, "rate": "10/1s"}}`. */
export function parseHosts(value: unknown): Parsed<Hosts> {
  if (!isPlainObject(value)) return { issues: [{ pointer: "", detail: EXPECTED.section }] };
  const issues: Issue[] = [];
  const hosts = new Map<string, HostLimits>();
  for (const [host, given] of Object.entries(value)) {
    if (isPlainObject(given)) hosts.set(host.toLowerCase(), limitsOf(host, given, issues));
    else issues.push({ pointer: pointerTo([host]), detail: EXPECTED.section });
  }
  return issues.length > 0 ? { issues } : { value: hosts };
}

function limitsOf(
  host: string,
  { concurrency, rate, ...unknown }: Readonly<Record<string, unknown>>,
  issues: Issue[],
): HostLimits {
  const wrong = (name: string, detail: string) => {
    issues.push({ pointer: pointerTo([host, name]), detail });
  };
  for (const name of Object.keys(unknown)) {
    wrong(name, "Unknown field: remove it, or check its spelling");
  }
  const limits: { concurrency?: number; rate?: Rate } = {};
  if (concurrency !== undefined) {
    const most = Number(concurrency);
    if (Number.isInteger(concurrency) && most >= 1 && most <= MAX_AT_ONCE) {
      limits.concurrency = most;
    } else wrong("concurrency", EXPECTED.concurrency);
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
