/**
 * Batch concurrency: a batch limits how many of its tasks run at once. The others
 * wait until one of them has run.
 *
 * @module
 */

import { type BatchRow, BEHIND, type Row } from "./row.ts";
import type { Storage } from "./storage.ts";

/** Waiting tasks among which one with an open lane is searched. */
const SEARCHED = 32;

/** Whether as many of the task's batch run as may. */
export function isBatchFull(storage: Storage, row: Row): boolean {
  const batch = row.batch === null ? undefined : storage.batch(row.batch);
  return batch !== undefined && isFull(batch);
}

/** Whether a task that is being inserted has to wait: the first few of its batch need not. */
export function waitsInBatch(batch: BatchRow | undefined): boolean {
  if (!batch || batch.concurrency === null || batch.seats === undefined) return false;
  return --batch.seats < 0;
}

/**
 * Releases the next waiting task of a batch: the first accepted whose lane is
 * open. A release too many does no harm, because that task waits again when it
 * is claimed; one too few would leave a task waiting without end.
 */
export function releaseNext(storage: Storage, batch: BatchRow): void {
  if (batch.concurrency === null || isFull(batch)) return;
  const waiting = storage.waitingOfBatch(batch, SEARCHED);
  const isOpen = ({ lane }: Pick<Row, "lane">) => storage.scheduler.isOpen(lane, storage.now);
  const first = waiting.find(isOpen) ?? waiting[0];
  const row = first && storage.row(first.seq);
  if (!row) return;
  row.behind &= ~BEHIND.batch;
  storage.writeBehind(row);
  if (row.behind === 0) storage.offer(row);
}

function isFull({ concurrency, counts }: BatchRow): boolean {
  return concurrency !== null && counts.running >= concurrency;
}
