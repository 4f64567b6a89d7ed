/**
 * The limits that an operator sets for a host.
 *
 * @module
 */

import type { Rate } from "../lib/rate_text.ts";
import { pointerTo } from "../lib/json.ts";
import { parseLaneHost } from "../lib/lane_host.ts";
import type { Issue, Parsed } from "./issues.ts";
import { countUpTo, parseLimits, readRate } from "./limit_section.ts";

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
  host: 'Expected a host such as "example.org", or one with a port, without a path',
  concurrency: `Expected a whole number from 1 to ${MAX_AT_ONCE}`,
  rate: `Expected a number per duration such as "10/1s"`,
};

/** Parses `{"example.org": {"concurrency": 4, "rate": "10/1s"}}`. */
export function parseHosts(value: unknown): Parsed<Hosts> {
  const parsed = parseLimits<HostLimits>(value, EXPECTED.section, {
    concurrency: { read: countUpTo(MAX_AT_ONCE), expected: EXPECTED.concurrency },
    rate: { read: readRate, expected: EXPECTED.rate },
  });
  if (parsed.issues) return parsed;
  const issues: Issue[] = [];
  const found = new Map<string, HostLimits>();
  for (const [name, limits] of parsed.value) {
    const host = parseLaneHost(name);
    if (host === undefined) issues.push({ pointer: pointerTo([name]), detail: EXPECTED.host });
    else found.set(host, limits);
  }
  return issues.length > 0 ? { issues } : { value: found };
}
