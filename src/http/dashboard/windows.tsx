/**
 * The lengths of time that pages look back, and the links that switch between them.
 *
 * @module
 */

import { query, type RequestContext } from "../context.ts";
import { refuseIssues } from "../problems.ts";
import { EXPECTED_MOMENT, momentOf } from "../request/task_filter.ts";

/** A length of time up to now, as it is written in links. */
export type WindowName = keyof typeof WINDOWS;

const WINDOWS = {
  "1h": { ms: 3_600_000, name: "last hour", short: "1 h" },
  "24h": { ms: 86_400_000, name: "last 24 hours", short: "24 h" },
  "7d": { ms: 7 * 86_400_000, name: "last 7 days", short: "7 d" },
} as const;

const NAMES = Object.keys(WINDOWS) as WindowName[];

/** What a page looks back at. */
export interface LookBack {
  /** As it is written in links. */
  readonly since: string;
  /** In milliseconds since the epoch. */
  readonly from: number;
  /** For people: `last hour`. */
  readonly name: string;
}

/** Reads `?since=`: `1h`, `24h`, `7d`, or any moment of the last seven days. */
export function lookBackOf(
  context: RequestContext,
  now: number,
  usual: WindowName,
  others: readonly string[] = [],
): LookBack {
  const { since = usual } = query(context, ["since", ...others]);
  const known = NAMES.find((name) => name === since);
  if (known) return { since: known, from: now - WINDOWS[known].ms, name: WINDOWS[known].name };
  const from = momentOf(since.trim(), now);
  if (from === undefined || from > now || now - from > WINDOWS["7d"].ms) {
    throw refuseIssues([{ pointer: "/since", detail: `${EXPECTED_MOMENT}, at most seven days` }]);
  }
  return { since: since.trim(), from, name: `since ${since.trim()}` };
}

/** Links to the same page with other lengths of time; they work without a script. */
export function WindowSwitch({ path, now }: { path: string; now: LookBack }) {
  return (
    <nav class="switch" aria-label="Period">
      {NAMES.map((name) => (
        <a
          href={`${path}?since=${name}`}
          aria-current={name === now.since ? "true" : undefined}
          title={WINDOWS[name].name}
        >
          {WINDOWS[name].short}
        </a>
      ))}
    </nav>
  );
}
