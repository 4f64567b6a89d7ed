/**
 * Parses a rate, such as `"100/1m"` for 100 in one minute.
 *
 * @module
 */

import { parseDuration } from "./duration.ts";

/** A number of events in a period. */
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
