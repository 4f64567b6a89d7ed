/**
 * Makes the follow-ups of tasks and batches that have ended, in the transaction
 * that ends them: no reader sees an end without its follow-ups.
 *
 * @module
 */

import { type EndContext, followUpsOf, followUpsOfBatch } from "../../task/follow_up.ts";
import type { NewTask } from "../../task/task.ts";
import { insertNewTask } from "./lifecycle.ts";
import { batchRecordOf } from "./row.ts";
import type { Storage } from "./storage.ts";

/** Makes what follows the tasks and batches that have ended since the last call. */
export function makeFollowUps(storage: Storage): void {
  if (storage.ended.length === 0) return;
  const context = { ids: storage.ids, now: storage.now };
  for (const { row, batch } of storage.ended.splice(0)) {
    if (row.follows) {
      const made = followUpsOf(storage.record(row), storage.followUps(row.seq), context);
      for (const task of made) insertNewTask(storage, task);
      const ended = row.erase ? storage.row(row.seq) : undefined;
      if (ended) storage.erase(ended);
    }
    if (batch === null || row.reason === "shutdown" || storage.closed) continue;
    for (const task of followUpsOfDone(storage, batch, context)) insertNewTask(storage, task);
  }
}

/** A batch acts once, at its first end. */
function followUpsOfDone(storage: Storage, seq: number, context: EndContext): NewTask[] {
  const batch = storage.batch(seq);
  if (!batch?.follows) return [];
  const record = batchRecordOf(batch, storage.isMarked(batch));
  if (!record.done) return [];
  const followUps = storage.followUps(seq);
  const made = followUpsOfBatch(record, storage.endedOfBatch(batch), followUps, context);
  batch.follows = false;
  storage.dropFollowUps(batch);
  return made;
}
