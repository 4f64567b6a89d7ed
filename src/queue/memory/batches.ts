/**
 * Reading the batches that are kept in memory.
 *
 * @module
 */

import { sequenceOf } from "../../lib/ids.ts";
import type { BatchRecord } from "../../task/batch.ts";
import type { BatchTask } from "../change.ts";
import { type BatchPage, formatCursor } from "../cursor.ts";
import { batchRecordOf, type StoredBatch } from "./store.ts";

type KeptBatches = ReadonlyMap<string, StoredBatch>;

/** A batch as it now stands. */
export function findBatch(batches: KeptBatches, id: string): BatchRecord | undefined {
  const batch = batches.get(id);
  return batch && batchRecordOf(batch);
}

/** Where the tasks of a batch stand, in the order of submission. */
export function batchTasks(batches: KeptBatches, id: string): BatchTask[] {
  const tasks = [...batches.get(id)?.tasks ?? []];
  return tasks.map(({ task, state, change }) => ({ id: task.id, state, change }));
}

/** Those that were submitted before that number, newest first. */
export function listBatches(batches: KeptBatches, limit: number, before: number): BatchPage {
  const seqOf = ({ batch }: StoredBatch) => sequenceOf(batch.id);
  const found = [...batches.values()]
    .filter((batch) => seqOf(batch) < before)
    .sort((a, b) => seqOf(b) - seqOf(a));
  const page = { batches: found.slice(0, limit).map(batchRecordOf) };
  const last = found.length > limit ? found[limit - 1] : undefined;
  return last ? { ...page, nextCursor: formatCursor(seqOf(last)) } : page;
}
