/**
 * Times as callers get to see them.
 *
 * @module
 */

/** Milliseconds since the epoch as RFC 3339. */
export function timeView(at: number | undefined): string | undefined {
  return at === undefined ? undefined : rfc3339(at);
}

/** A prime, so that a round delay does not displace the time from which it counts. */
const TIMES_KNOWN = 61;
const timesKnown = new Float64Array(TIMES_KNOWN).fill(NaN);
const textsKnown: string[] = Array(TIMES_KNOWN).fill("");

/** Tasks accepted within a millisecond have the same times: formatting each took a tenth of a submit. */
function rfc3339(at: number): string {
  const slot = at % TIMES_KNOWN;
  if (timesKnown[slot] === at) return textsKnown[slot] ?? "";
  const text = new Date(at).toISOString();
  if (slot in textsKnown) {
    timesKnown[slot] = at;
    textsKnown[slot] = text;
  }
  return text;
}
