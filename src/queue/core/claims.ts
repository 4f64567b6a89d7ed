/**
 * Handing out what is due.
 *
 * @module
 */

import type { TaskError } from "../../task/task.ts";
import type { Turn } from "../lanes/lane_scheduler.ts";
import { isBatchFull, releaseNext } from "./batch_concurrency.ts";
import { joinKey } from "./keys.ts";
import { expire, reportFailed } from "./lifecycle.ts";
import { pauseTask } from "./pauses.ts";
import { BEHIND, type Row } from "./row.ts";
import { undelivered } from "./rules.ts";
import type { ClaimStorage, Due, Storage } from "./storage.ts";
import { transition } from "./transition.ts";

/** Tasks read in one go. */
const READ_AT_ONCE = 16;

const DAMAGED: TaskError = {
  code: "damaged",
  detail: "The stored payload of this task is damaged and cannot be read; it was not sent.",
};

/** Takes up to `limit` tasks that are due; each attempt is counted. */
export function claim<Found extends Due, Claimed>(
  storage: ClaimStorage<Found, Claimed>,
  limit: number,
): Claimed[] {
  const claimed: Claimed[] = [];
  if (storage.closed || storage.pauses.all) return claimed;
  const { scheduler, now } = storage;
  while (claimed.length < limit) {
    const turn = scheduler.next(now);
    if (!turn) break;
    takeTurn(storage, turn, Math.min(limit - claimed.length, turn.room), claimed);
  }
  return claimed;
}

function takeTurn<Found extends Due, Claimed>(
  storage: ClaimStorage<Found, Claimed>,
  turn: Turn,
  most: number,
  claimed: Claimed[],
): void {
  const before = claimed.length;
  for (const found of storage.due(turn, Math.min(most, READ_AT_ONCE))) {
    if (!begin(storage, found.row)) continue;
    const task = storage.handOver(found);
    if (task !== undefined) claimed.push(task);
    else failDamaged(storage, found.row);
  }
  const taken = claimed.length - before;
  storage.scheduler.took(turn, taken, storage.nextDueAt(turn), storage.now);
}

/** Begins an attempt, unless the task has expired or has to wait behind others. */
function begin(storage: Storage, row: Row): boolean {
  if (row.expiresAt !== null && row.expiresAt <= storage.now) {
    expire(storage, row);
    return false;
  }
  // A pause whose bits are not set yet.
  if (storage.pauses.cover(row)) {
    pauseTask(storage, row);
    return false;
  }
  if (row.key !== null && !joinKey(storage, row)) {
    row.behind = BEHIND.key;
    storage.writeBehind(row);
    // The task waits for its key now, so the batch can release another one.
    const batch = row.batch === null ? undefined : storage.batch(row.batch);
    if (batch) releaseNext(storage, batch);
    return false;
  }
  if (isBatchFull(storage, row)) {
    row.behind = BEHIND.batch;
    storage.writeBehind(row);
    return false;
  }
  row.startedAt = storage.now;
  transition(storage, row, "claim");
  return true;
}

function failDamaged(storage: Storage, row: Row): void {
  row.reason = "damaged";
  row.delivery = undelivered(row.duplicate);
  row.error = JSON.stringify(DAMAGED);
  // The scheduler counts the task as running only when its turn is over.
  storage.scheduler.started(row.lane);
  transition(storage, row, "fail");
  reportFailed(storage, row, DAMAGED);
}
