/**
 * Cancelling everything that waits at once, as a shutdown does, and rewriting
 * the rows afterwards.
 *
 * A shutdown begins a new generation: one row of one table. Whatever is queued
 * from an earlier generation reads as cancelled from then on. The rows are
 * rewritten after the next start, some at a time.
 *
 * @module
 */

import { isFinal } from "../../task/state.ts";
import { findBatchRow, findRow } from "../core/commands.ts";
import { isDone, type Row } from "../core/row.ts";
import { notify } from "../core/transition.ts";
import type { SqliteStorage } from "./storage.ts";

/** Rows rewritten in one transaction. */
const SWEPT_AT_ONCE = 1_000;

/** Begins a generation; resolves with how many tasks waited. Watchers of one task or one batch are notified. */
export function cancelWaiting(storage: SqliteStorage): number {
  const { counts } = storage;
  const waited = counts.queued;
  storage.generation++;
  storage.sweeping = true;
  storage.shutdownAt = storage.now;
  counts.cancelled += waited;
  counts.queued = 0;
  storage.change++;
  storage.scheduler.clear();
  storage.queuedCounts.clear();
  storage.nextExpiry = Infinity;
  storage.generationChanged();
  for (const word of storage.watched) notifyCancelled(storage, word);
  return waited;
}

/** Notifies of a watched task, or of the last task of a watched batch, that the shutdown has cancelled. */
function notifyCancelled(storage: SqliteStorage, word: string): void {
  const row = findRow(storage, word) ?? lastOfBatch(storage, word);
  if (!row || row.reason !== "shutdown" || row.generation >= storage.generation) return;
  if (!isFinal(row.state)) return;
  row.change = storage.change;
  notify(storage, row);
}

function lastOfBatch(storage: SqliteStorage, id: string): Row | undefined {
  const batch = findBatchRow(storage, id);
  if (!batch || !isDone(batch, storage.isMarked(batch))) return undefined;
  const last = storage.sql.lastOfBatch.get(batch.seq, storage.generation);
  return last && storage.row((last as { seq: number }).seq);
}

interface MarkedRow {
  readonly seq: number;
  readonly batch: number | null;
  readonly erase: number;
}

/** Rewrites the next rows that a shutdown has cancelled; resolves with whether any are left. */
export function sweep(storage: SqliteStorage): boolean {
  if (!storage.sweeping || storage.closed) return false;
  const { sql, generation, shutdownAt } = storage;
  const rows = sql.marked.all(generation, SWEPT_AT_ONCE) as unknown as MarkedRow[];
  for (const { seq, batch: batchSeq, erase } of rows) {
    sql.sweep.run(shutdownAt, storage.nextChange(seq), seq);
    const erased = erase ? storage.row(seq) : undefined;
    if (erased) storage.erase(erased);
    const batch = batchSeq === null ? undefined : storage.batch(batchSeq);
    if (!batch) continue;
    batch.counts.queued--;
    batch.counts.cancelled++;
    storage.batchChanged(batch);
  }
  if (rows.length < SWEPT_AT_ONCE) storage.sweeping = false;
  storage.generationChanged();
  return storage.sweeping;
}
