/**
 * Storing what was submitted: all of it or nothing.
 *
 * @module
 */

import { EngineError, type Inserted, type Submission } from "../engine.ts";
import { insertTask } from "./lifecycle.ts";
import { type Content, newBatchRow, type Row } from "./row.ts";
import type { SubmissionStorage } from "./storage.ts";

/** A submission whose tasks are rows already. */
export interface StoredSubmission extends Omit<Submission, "tasks"> {
  /** In the order of their ids. */
  readonly tasks: readonly { readonly row: Row; readonly content: Content }[];
}

/** Stores a submission; at most `maxQueued` tasks may then be queued. */
export function insertSubmission(
  storage: SubmissionStorage,
  { tasks, batch, idempotency, schedule, delivery, quota }: StoredSubmission,
  maxQueued: number,
): Inserted {
  if (storage.closed) {
    throw new EngineError("Cannot insert tasks: the shutdown has cancelled all queued tasks");
  }
  const known = idempotency && storage.recall(idempotency);
  if (known) return known;
  if (tasks.length > 0 && storage.counts.queued + tasks.length > maxQueued) {
    return { kind: "refused", code: "queue_full" };
  }
  if (quota && tasks.length > 0 && storage.queuedOf(quota.owner) + tasks.length > quota.maxQueued) {
    return { kind: "refused", code: "queue_full", quota: quota.maxQueued };
  }
  const version = schedule && storage.changeSchedule(schedule);
  if (schedule && version === undefined) return { kind: "stale" };
  if (batch) storage.insertBatch(newBatchRow(batch, tasks.length, storage.generation), batch);
  for (const { row, content } of tasks) insertTask(storage, row, content);
  if (delivery) storage.writeDelivery(delivery);
  if (idempotency) {
    storage.remember(idempotency, delivery?.id ?? batch?.id ?? tasks[0]?.row.id ?? "");
  }
  return version === undefined ? { kind: "stored" } : { kind: "stored", version };
}
