/**
 * What callers get to see of batches.
 *
 * @module
 */

import type { RunningTask } from "../../task/ports.ts";
import type { Counts, TaskState } from "../../task/state.ts";
import type { BatchRecord } from "../../task/batch.ts";
import type { View } from "./task_view.ts";
import { timeView } from "./time_view.ts";

/** A batch in a list. */
export function batchSummaryView(
  { id, createdAt, total, counts, done, owner }: BatchRecord,
): View {
  return { id, createdAt: timeView(createdAt), total, counts, done, owner };
}

/** A batch as it is now; `running` are tasks of any batch that report progress. */
export function batchView(
  { id, total, counts, done, bytes }: BatchRecord,
  running: readonly RunningTask[],
): View {
  const final = total - counts.queued - counts.running;
  const moving = running.filter(({ batchId }) => batchId === id).map(({ progress }) => progress);
  const moved = moving.reduce((sum, one) => sum + one.bytes, bytes);
  const totalBytes = moving.reduce((sum, one) => sum + (one.totalBytes ?? NaN), bytes);
  const rate = moving.reduce((sum, one) => sum + one.rate, 0);
  return {
    id,
    total,
    counts,
    done,
    progress: {
      finished: total > 0 ? final / total : 1,
      bytes: moved,
      totalBytes: Number.isNaN(totalBytes) ? undefined : totalBytes,
      rate,
    },
  };
}

/** A batch that has just been accepted, or is shown again because it was submitted again. */
export function submittedBatchView(
  batch: {
    readonly id: string;
    readonly total: number;
    readonly counts: Counts;
    readonly done: boolean;
  },
  tasks: readonly { readonly id: string; readonly state: TaskState }[],
): View {
  const { id, total, counts, done } = batch;
  return { id, total, counts, done, tasks };
}
