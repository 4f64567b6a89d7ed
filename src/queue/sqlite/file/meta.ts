/**
 * What is kept of the queue as a whole: read at the start and after a
 * rollback, written once by each transaction.
 *
 * A transaction that changes tasks tells so in one row of `changed`, which
 * says how many tasks there are in each state, too; any other rewrites `meta`.
 *
 * @module
 */

import type { Statements } from "./statements.ts";

/** Changes that are written down in one row, at most: readers look through all of them. */
export const CHANGED_TOGETHER = 500;

/** What is kept of the queue as a whole. */
export interface Meta {
  /** Tasks by state, in the order of `TASK_STATES`. */
  counts: number[];
  /** The latest change's number. */
  change: number;
  /** The highest sequence number ever kept. */
  last: number;
  /** Shutdown marks set so far. What is queued from an earlier era is cancelled. */
  era: number;
  /** Whether rows of earlier eras are still to be rewritten. */
  sweeping: boolean;
  /** When the latest mark was set, in milliseconds since the epoch. */
  markAt: number;
}

interface MetaRow {
  readonly counts: string;
  readonly change: number;
  readonly last: number;
  readonly era: number;
  readonly sweeping: number;
  readonly mark_at: number;
}

/** As of the last commit. */
export function readMeta(sql: Statements): Meta {
  const meta = sql.meta.get() as unknown as MetaRow;
  const changed = sql.latest.get() as Pick<MetaRow, "counts" | "change" | "last"> | undefined;
  const { counts, change, last } = changed && changed.change > meta.change ? changed : meta;
  return {
    counts: JSON.parse(counts),
    change,
    last,
    era: meta.era,
    sweeping: meta.sweeping === 1,
    markAt: meta.mark_at,
  };
}

/** Rewrites all of it. */
export function writeMeta(sql: Statements, meta: Meta): void {
  sql.writeMeta.run(
    JSON.stringify(meta.counts),
    meta.change,
    meta.last,
    meta.era,
    meta.sweeping ? 1 : 0,
    meta.markAt,
  );
}

/** Writes down which tasks were changed, with what that has brought about. */
export function writeChanged(sql: Statements, tasks: readonly number[], meta: Meta): void {
  const { change, counts, last } = meta;
  sql.insertChanged.run(change, JSON.stringify(tasks), JSON.stringify(counts), last);
}
