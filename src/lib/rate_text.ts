/**
 * So many in such a time, as people write it: `"100/1m"`.
 *
 * @module
 */

import { parseDuration } from "./duration.ts";

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
