/**
 * The lifecycle of a task, from its acceptance to its end: the same for every
 * engine.
 *
 * What an event does to a state is decided by `next`, what an attempt means by
 * `decide`. Here is what follows from that for the stored rows: keys, batches,
 * lanes, counts and follow-ups. Each function says what it may read besides the
 * task's own row.
 *
 * @module
 */

import { CRASHED, settleInterrupted } from "../../task/crash.ts";
import type { CancelReason } from "../../task/outcome.ts";
import { isFinal, next, type TaskState } from "../../task/state.ts";
import type { NewTask, TaskError } from "../../task/task.ts";
import type { Cancelled, Changed, Erased, Revived, Room } from "../engine.ts";
import { waitsInBatch } from "./batch_concurrency.ts";
import { joinKey } from "./keys.ts";
import { BEHIND, type Content, contentOf, newRow, type Row } from "./row.ts";
import { cancelByShutdown, overrule, revivedDueAt, undelivered } from "./rules.ts";
import { type Settled, settledOf } from "./settled.ts";
import type { Storage } from "./storage.ts";
import { change, notify, transition } from "./transition.ts";

/**
 * Stores a new task. One that is made after a shutdown, by the end of what was
 * still running, is cancelled like all that waited.
 * Reads the holder of its key and its batch.
 */
export function insertTask(storage: Storage, row: Row, content: Content): void {
  const { closed } = storage;
  row.change = storage.nextChange(row.seq);
  row.generation = closed ? storage.generation - 1 : storage.generation;
  // Whatever it waited behind in a transaction that was rolled back and is repeated.
  row.behind = 0;
  if (!closed && row.key !== null && !joinKey(storage, row)) row.behind = BEHIND.key;
  if (!closed && storage.pauses.cover(row)) row.behind |= BEHIND.pause;
  else if (row.behind === 0 && row.batch !== null && row.dueAt <= storage.now) {
    if (waitsInBatch(storage.batch(row.batch))) row.behind = BEHIND.batch;
  }
  if (closed) cancelByShutdown(row, storage.now);
  storage.insertRow(row, content);
  storage.count(undefined, closed ? "cancelled" : "queued");
  if (closed) return;
  storage.countQueued(row);
  if (row.behind === 0) storage.offer(row);
  if (row.expiresAt !== null) storage.expires(row, row.expiresAt);
  notify(storage, row);
}

/** Stores a task that the engine itself makes. */
export function insertNewTask(storage: Storage, task: NewTask): void {
  insertTask(storage, newRow(task), contentOf(task));
}

/**
 * Stores what an attempt came to; `false` when the task is no longer at that
 * attempt. Reads the holder and the next task of its key, its batch, the
 * waiting tasks of the batch, and at the end what follows the task or the batch.
 */
export function settle(storage: Storage, row: Row | undefined, settled: Settled): boolean {
  if (!row || row.state !== "running" || row.attempt !== settled.attempt) return false;
  row.interrupted = 0;
  apply(storage, row, settled);
  return true;
}

function apply(storage: Storage, row: Row, given: Settled): void {
  const cancelled = row.aborting ?? (storage.closed ? "shutdown" : undefined);
  const settled = overrule(given, cancelled, row.duplicate);
  const { hold } = settled;
  if (settled.record !== undefined) {
    row.listed++;
    row.error = settled.error ?? null;
  }
  if (given.event === "release") row.attempt--;
  else if (settled.result !== undefined || settled.carry !== undefined || row.listed > 0) {
    storage.report(row, settled);
  }
  if (settled.possibleDuplicate) row.duplicate = true;
  if (settled.dueAt !== undefined) row.dueAt = settled.dueAt;
  if (settled.adaptiveLimit !== undefined) {
    storage.scheduler.set(row.lane, { adaptiveLimit: settled.adaptiveLimit });
  }
  if (hold && storage.scheduler.set(row.lane, { heldUntil: hold.until, reason: hold.reason })) {
    storage.holdLane(row.lane, hold.until, hold.reason);
  }
  row.reason = settled.reason ?? null;
  row.delivery = settled.delivery ?? null;
  row.finishedAt = settled.at;
  if (settled.bytes > 0 && row.batch !== null) {
    const batch = storage.batch(row.batch);
    // The transition stores the batch.
    if (batch) batch.bytes += settled.bytes;
  }
  transition(storage, row, settled.event);
}

/** Settles an attempt that a crash interrupted. Reads what `settle` reads. */
export function recover(storage: Storage, row: Row): void {
  const policy = storage.policy(row) ?? { retry: [], onUnknown: "retry" };
  // A shutdown may have been recorded without the time to reach what ran.
  const aborting = row.aborting ?? (row.generation < storage.generation ? "shutdown" : undefined);
  row.interrupted++;
  const settlement = settleInterrupted({
    id: row.id,
    attempt: row.attempt,
    startedAt: row.startedAt ?? storage.now,
    ...policy,
    interrupted: row.interrupted,
    ...(aborting ? { aborting } : {}),
    ...(row.expiresAt === null ? {} : { expiresAt: row.expiresAt }),
  }, storage.now);
  apply(storage, row, settledOf(settlement));
  if (row.state === "failed") reportFailed(storage, row, CRASHED);
}

/** Reports a task that failed without the settlement of an attempt. */
export function reportFailed(storage: Storage, row: Row, error: TaskError): void {
  const { id, type, lane, attempt, reason } = row;
  storage.failed.push({ id, type, lane, attempts: attempt, reason: reason ?? "unknown", error });
}

/**
 * Cancels a waiting task; records that a running one is to be aborted. Reads
 * what `settle` reads.
 */
export function cancel(
  storage: Storage,
  row: Row | undefined,
  reason: CancelReason,
  by: string | null = null,
): Cancelled {
  switch (row?.state) {
    case undefined:
      return "not_found";
    case "queued":
      row.reason = reason;
      row.cancelledBy = by;
      row.delivery = undelivered(row.duplicate);
      transition(storage, row, "cancel");
      return "cancelled";
    case "running":
      if (row.aborting === null) {
        row.aborting = reason;
        row.cancelledBy = by;
        change(storage, row);
      }
      return "aborting";
    default:
      return "too_late";
  }
}

/** Ends a waiting task whose time is over. Reads what `settle` reads. */
export function expire(storage: Storage, row: Row): void {
  row.reason = "expired";
  row.delivery = undelivered(row.duplicate);
  transition(storage, row, "expire");
}

/** A storage that knows how many tasks are in each state. */
interface Counting extends Storage {
  readonly counts: Readonly<Record<TaskState, number>>;
}

/**
 * Makes a final task queued again. One whose payload was erased stays as it is.
 * With `expiring`, one that has expired meanwhile becomes `expired`; else it loses
 * its expiry. Reads what `settle` reads, and with `room` the counts.
 */
export function revive(
  storage: Counting,
  row: Row | undefined,
  { expiring = false, room }: { readonly expiring?: boolean; readonly room?: Room } = {},
): Revived {
  if (!row) return "not_found";
  if (!next(row.state, "revive") || row.erase) return "not_possible";
  const isOver = row.expiresAt !== null && row.expiresAt <= storage.now;
  if (isOver && expiring && row.state === "expired") return "not_possible";
  if (room && !(isOver && expiring) && !hasRoom(storage, row, room)) return "full";
  if (row.delivery === "unknown") row.duplicate = true;
  row.dueAt = revivedDueAt({ attempt: row.attempt, dueAt: row.dueAt, now: storage.now });
  row.attempt = row.interrupted = 0;
  row.startedAt = row.cancelledBy = null;
  if (isOver && !expiring) row.expiresAt = null;
  transition(storage, row, "revive");
  if (!isOver || !expiring) return "changed";
  expire(storage, row);
  return "expired";
}

function hasRoom(storage: Counting, { owner }: Row, { maxQueued, quotas }: Room): boolean {
  if (storage.counts.queued >= maxQueued) return false;
  const most = owner === null ? undefined : quotas?.get(owner);
  return owner === null || most === undefined || storage.queuedOf(owner) < most;
}

/** Makes a waiting task due now. What else it waits for (a key, a held lane) it still waits for. */
export function runNow(storage: Storage, row: Row | undefined): Changed {
  if (!row) return "not_found";
  if (row.state !== "queued") return "not_possible";
  storage.uncountQueued(row);
  row.dueAt = Math.min(row.dueAt, storage.now);
  storage.countQueued(row);
  change(storage, row);
  if (row.behind === 0) storage.offer(row);
  return "changed";
}

/**
 * Erases what a final task holds of people: payload, result, label, and the words
 * of errors and attempts. Id, type, state and times stay.
 */
export function erase(storage: Storage, row: Row | undefined): Erased {
  if (!row) return "not_found";
  if (!isFinal(row.state)) return "not_final";
  storage.erase(row);
  change(storage, row);
  return "erased";
}
