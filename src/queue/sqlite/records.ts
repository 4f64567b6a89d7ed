/**
 * Reading one task or one batch with all that is kept of it.
 *
 * @module
 */

import { TASK_STATES, type TaskState } from "../../task/state.ts";
import type { BatchRecord } from "../../task/batch.ts";
import type { AttemptRecord, TaskRecord } from "../../task/task.ts";
import type { BatchTask } from "../change.ts";
import { type BatchPage, formatCursor } from "../cursor.ts";
import { batchRecordOf, type BatchRow } from "./file/batches.ts";
import type { Ledger } from "./ledger.ts";
import { type Body, isIntact, type Row, STATE, summaryOf } from "./file/rows.ts";

/** The task with all that is kept of it; a damaged payload is left out. */
export function find(ledger: Ledger, id: string): TaskRecord | undefined {
  const row = ledger.row(id);
  return row && recordOf(ledger, row);
}

/** A task with all that is kept of it, standing as `row` says. */
export function recordOf(ledger: Ledger, row: Row): TaskRecord {
  const body = ledger.sql.body.get(row.seq) as unknown as Body | undefined;
  const kept = ledger.sql.result.get(row.seq) as Kept | undefined;
  return {
    ...summaryOf(row, body?.spec),
    ...(isIntact(body) && body.payload !== null ? { payload: body.payload } : {}),
    attempts: attemptsOf(ledger, row, kept),
    ...(kept?.result ? { result: JSON.parse(kept.result) } : {}),
  };
}

interface Kept {
  readonly result: string | null;
  readonly attempts: string | null;
}

/** Attempts that an earlier version has listed stand in a table of their own. */
function attemptsOf(ledger: Ledger, row: Row, kept: Kept | undefined): AttemptRecord[] {
  const attempts: AttemptRecord[] = JSON.parse(`[${kept?.attempts ?? ""}]`);
  if (attempts.length === row.listed) return attempts;
  const older = ledger.sql.attempts.all(row.seq) as { record: string }[];
  return [...older.map(({ record }) => JSON.parse(record)), ...attempts];
}

/** A batch as it now stands. */
export function findBatch(ledger: Ledger, id: string): BatchRecord | undefined {
  const batch = ledger.batchOf(id);
  return batch && batchRecordOf(batch, ledger.isMarked(batch));
}

/** Batches that were submitted before that number, newest first. */
export function listBatches(ledger: Ledger, limit: number, before: number): BatchPage {
  const rows = ledger.sql.batches.all(before, limit + 1) as { seq: number }[];
  const batches = rows.slice(0, limit).map(({ seq }) => {
    const batch = ledger.batches.get(seq) as BatchRow;
    return batchRecordOf(batch, ledger.isMarked(batch));
  });
  const last = rows.length > limit ? rows[limit - 1] : undefined;
  return last ? { batches, nextCursor: formatCursor(last.seq) } : { batches };
}

/** Where the tasks of a batch stand, in the order of submission. */
export function batchTasks(ledger: Ledger, id: string): BatchTask[] {
  const batch = ledger.batchOf(id);
  if (!batch) return [];
  const rows = ledger.sql.batchTasks.all(
    batch.seq,
  ) as (Omit<BatchTask, "state"> & { state: number; era: number })[];
  return rows.map(({ id, state, era, change }) => {
    const marked = ledger.sweeping && state === STATE.queued && era < ledger.era;
    return { id, state: marked ? "cancelled" : TASK_STATES[state] as TaskState, change };
  });
}

/** How many tasks are kept in each state. */
export function counts(ledger: Ledger): Record<TaskState, number> {
  return Object.fromEntries(
    TASK_STATES.map((state, number) => [state, ledger.counts[number] ?? 0]),
  ) as Record<TaskState, number>;
}
