/**
 * The one way in which a stored task goes from a state to another.
 *
 * @module
 */

import { isFinal, next, type TaskEvent } from "../../task/state.ts";
import { EngineError } from "../engine.ts";
import { releaseNext } from "./batch_concurrency.ts";
import { joinKey, leaveKey } from "./keys.ts";
import { type BatchRow, BEHIND, isDone, type Row } from "./row.ts";
import type { Storage } from "./storage.ts";
import { isWatched } from "./watchers.ts";

/**
 * Takes a task through an event and stores it. The caller has set the fields
 * that are particular to the event; all that events have in common happens here.
 */
export function transition(storage: Storage, row: Row, event: TaskEvent): void {
  const from = row.state;
  const to = next(from, event);
  if (!to) throw new EngineError(`Cannot ${event} task "${row.id}": it is ${from}`);
  if (from === "queued") storage.uncountQueued(row);
  // It was counted as one that had not been tried.
  if (event === "claim") row.attempt++;
  row.state = to;
  row.change = storage.nextChange(row.seq);
  row.generation = storage.generation;
  row.behind = 0;
  if (to !== "running") row.aborting = null;
  if (to !== "running" && to !== "cancelled") row.cancelledBy = null;
  if (to === "queued") {
    row.finishedAt = row.reason = row.delivery = null;
    if (row.key !== null && !joinKey(storage, row)) row.behind = BEHIND.key;
    if (storage.pauses.cover(row)) row.behind |= BEHIND.pause;
    storage.countQueued(row);
    if (row.expiresAt !== null) storage.expires(row, row.expiresAt);
  } else if (to !== "running") {
    row.finishedAt ??= storage.now;
    // Follow-ups may use the result; they erase it when they are made.
    if (row.erase && !row.follows) storage.erase(row);
  }
  storage.writeRow(row);
  storage.count(from, to);
  if (row.key !== null && isFinal(to)) leaveKey(storage, row);
  if (from === "running") storage.scheduler.freed(row.lane);
  if (to === "queued" && row.behind === 0) storage.offer(row);
  const batch = row.batch === null ? undefined : storage.batch(row.batch);
  if (batch) {
    batch.counts[from]--;
    batch.counts[to]++;
    storage.batchChanged(batch);
    if (to !== "running") releaseNext(storage, batch);
  }
  if (isFinal(to) && (row.follows || batch?.follows)) {
    storage.ended.push({ row: { ...row }, batch: row.batch });
  }
  notify(storage, row, batch);
}

/** Stores a change that is not one of state. */
export function change(storage: Storage, row: Row): void {
  row.change = storage.nextChange(row.seq);
  storage.writeRow(row);
  notify(storage, row);
}

/** Reports the latest change of a task to those who watch it. */
export function notify(storage: Storage, row: Row, known?: BatchRow): void {
  if (storage.watched.size === 0) return;
  const batch = known ?? (row.batch === null ? undefined : storage.batch(row.batch));
  const { id, type, state, attempt, change } = row;
  const abort = row.aborting ?? undefined;
  if (!isWatched(storage.watched, { id, state, batchId: batch?.id, abort })) return;
  const batchDone = batch && isFinal(state) && isDone(batch, storage.isMarked(batch));
  storage.notify({
    id,
    type,
    state,
    attempt,
    at: storage.now,
    change,
    ...(batch ? { batchId: batch.id } : {}),
    ...(batchDone ? { batchDone } : {}),
    ...(row.erase && isFinal(state) ? { erased: true } : {}),
    ...(abort ? { abort } : {}),
  });
}
