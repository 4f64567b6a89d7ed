/**
 * What is stored of the queue as a whole: read at the start and after a
 * rollback, written once by each transaction.
 *
 * A transaction that changes tasks writes their numbers and the counts into one
 * row of `changed`; any other rewrites `meta`.
 *
 * @module
 */

import type { Counts } from "../../../task/state.ts";
import { formatCounts, parseCounts } from "./batches.ts";
import type { Statements } from "./statements.ts";

/** Changes in one row of `changed`, at most: readers look through all of them. */
export const CHANGED_TOGETHER = 500;

/** What is stored of the queue as a whole. */
export interface Meta {
  /** Tasks by state. */
  counts: Counts;
  /** The latest change's number. */
  change: number;
  /** The highest sequence number ever stored. */
  last: number;
  /** How many shutdowns have cancelled what waited; what is queued from an earlier generation is cancelled. */
  generation: number;
  /** Whether rows of earlier generations are still to be rewritten. */
  sweeping: boolean;
  /** When the latest of these shutdowns was, in milliseconds since the epoch. */
  shutdownAt: number;
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
    counts: parseCounts(counts),
    change,
    last,
    generation: meta.era,
    sweeping: meta.sweeping === 1,
    shutdownAt: meta.mark_at,
  };
}

/** Rewrites all of it. */
export function writeMeta(sql: Statements, meta: Meta): void {
  const { counts, change, last, generation, sweeping, shutdownAt } = meta;
  sql.writeMeta
    .run(formatCounts(counts), change, last, generation, sweeping ? 1 : 0, shutdownAt);
}

/** Writes which tasks were changed, and the counts that has led to. */
export function writeChanged(sql: Statements, tasks: readonly number[], meta: Meta): void {
  const { change, counts, last } = meta;
  sql.insertChanged.run(change, JSON.stringify(tasks), formatCounts(counts), last);
}
