/**
 * Records of tasks and batches, made of what is stored of them.
 *
 * @module
 */

import { type Counts, TASK_STATES } from "../../task/state.ts";
import type { TaskRecord } from "../../task/task.ts";
import { type BatchRow, type Row, summaryOf } from "../core/row.ts";
import { checksumOf } from "./database/columns.ts";

/** The stored content of a task, besides its row. */
export interface StoredContent {
  spec: string;
  payload: string | null;
  checksum: number;
  attempts: string | null;
  result: string | null;
}

/** Whether the content is as it was written. */
export function isIntact({ spec, payload, checksum }: StoredContent): boolean {
  return checksumOf(spec, payload) === checksum;
}

/** Makes the task's full record; leaves out a damaged payload. */
export function recordOf(row: Row, stored: StoredContent | undefined): TaskRecord {
  return {
    ...summaryOf(row, stored?.spec),
    ...(stored && stored.payload !== null && isIntact(stored) ? { payload: stored.payload } : {}),
    attempts: JSON.parse(`[${stored?.attempts ?? ""}]`),
    ...(stored?.result ? { result: JSON.parse(stored.result) } : {}),
  };
}

/** Parses the `counts` column of a batch. */
export function batchCountsFrom(text: string): Counts {
  const numbers: number[] = JSON.parse(text);
  return Object.fromEntries(TASK_STATES.map((state, at) => [state, numbers[at] ?? 0])) as Counts;
}

/** Makes a batch of the columns that `Sql.lockBatches` selects. */
export function batchFrom(values: readonly unknown[]): BatchRow {
  const [seq, id, createdAt, owner, total, counts, bytes, follows, concurrency] = values;
  return {
    seq: seq as number,
    id: id as string,
    createdAt: createdAt as number,
    owner: owner as string | null,
    generation: 0,
    total: total as number,
    counts: batchCountsFrom(counts as string),
    bytes: bytes as number,
    follows: follows as boolean,
    concurrency: concurrency as number | null,
  };
}
