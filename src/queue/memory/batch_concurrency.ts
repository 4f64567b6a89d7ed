/**
 * No more tasks of a batch at once than it allows: the others stand back until
 * one of them has run.
 *
 * @module
 */

import type { TaskState } from "../../task/state.ts";
import type { StoredBatch, StoredTask } from "./store.ts";

/** Where those who come forward go. */
interface Floor {
  readonly book: { isOpen(lane: string, now: number): boolean };
  readonly now: () => number;
  place(kept: StoredTask): void;
}

/** Has a task that is being kept stand back, but for the first few of its batch. */
export function standBack(kept: StoredTask, now: number): void {
  const { batch } = kept;
  if (!batch || kept.parked || kept.dueAt > now || --batch.seats >= 0) return;
  kept.benched = true;
  batch.bench.add(kept);
}

/** Whether a task has to stand back because enough of its batch run; it does so then. */
export function standsBack(kept: StoredTask): boolean {
  const { batch } = kept;
  if (!batch || batch.running < (batch.batch.concurrency ?? Infinity)) return false;
  kept.benched = true;
  batch.bench.add(kept);
  return true;
}

/** Counts who runs of a batch, and lets another come forward when one does no more. */
export function reseat(floor: Floor, kept: StoredTask, from: TaskState, to: TaskState): void {
  const { batch } = kept;
  if (!batch) return;
  batch.bench.delete(kept);
  if (from === "running") batch.running--;
  if (to === "running") batch.running++;
  else comeForward(floor, batch);
}

/** Lets the next of a batch come forward: the first whose lane is open. */
export function comeForward(floor: Floor, batch: StoredBatch): void {
  if (batch.running >= (batch.batch.concurrency ?? Infinity)) return;
  const isOpen = ({ task }: StoredTask) => floor.book.isOpen(task.lane, floor.now());
  const first = batch.bench.values().next().value;
  const next = batch.bench.values().take(32).find(isOpen) ?? first;
  if (!next) return;
  batch.bench.delete(next);
  next.benched = false;
  floor.place(next);
}
