/**
 * What the lifecycle asks of an engine's storage.
 *
 * The lifecycle decides; a storage only finds and stores. All calls of one
 * transaction see what the calls before them wrote. They are synchronous: an
 * engine whose rows are elsewhere locks and reads beforehand what an operation
 * may ask for (each operation in `lifecycle.ts` says what that is), runs the
 * operation on what it has read, and then writes what was changed, all within
 * one transaction of its own.
 *
 * @module
 */

import type { IdSource } from "../../lib/ids.ts";
import type { EndedTask } from "../../task/event_data.ts";
import type { RetrySchedule } from "../../task/retry.ts";
import type { Counts, TaskState } from "../../task/state.ts";
import type { FollowUp, OnUnknown, TaskRecord } from "../../task/task.ts";
import type { ScheduleChange, StoredDelivery } from "../../task/trigger.ts";
import type { NewBatch } from "../../task/batch.ts";
import type { FailedTask, Idempotency, Inserted, TaskChange } from "../engine.ts";
import type { LaneScheduler, Turn } from "../lanes/lane_scheduler.ts";
import type { BatchRow, Content, Row } from "./row.ts";
import type { Settled } from "./settled.ts";

/** A task that has ended and has something that follows, as it was at its end. */
export interface Ended {
  /** A copy of its row. */
  readonly row: Row;
  /** The sequence number of its batch. */
  readonly batch: number | null;
}

/** Rows of tasks, keys and batches, within one transaction. */
export interface Storage {
  /** The time of this transaction, in milliseconds since the epoch. */
  readonly now: number;
  /** How many shutdowns have cancelled what waited. A queued row of an earlier generation reads as cancelled. */
  readonly generation: number;
  /** Whether a shutdown of this engine has cancelled all queued tasks: no task is claimed or accepted any more. */
  readonly closed: boolean;
  /** Which lane is served next, and what is held. */
  readonly scheduler: LaneScheduler;
  /** Makes the ids of follow-ups. */
  readonly ids: IdSource;
  /** Tasks that have ended since `makeFollowUps` last ran. */
  readonly ended: Ended[];
  /** Tasks that failed in this transaction without the settlement of an attempt. */
  readonly failed: FailedTask[];
  /** The words of `watchKey` that have listeners. */
  readonly watched: { readonly size: number; has(word: string): boolean };
  /** Tasks by state. */
  readonly counts: Counts;
  /** The pauses that are in force. */
  readonly pauses: { readonly all: boolean; cover(row: Row): boolean };

  /** The row of that number as it now reads. */
  row(seq: number): Row | undefined;
  /** Stores a new task. */
  insertRow(row: Row, content: Content): void;
  /** Stores what an event has changed; `row` may be the very object that the storage holds. */
  writeRow(row: Row): void;
  /** Stores `behind` alone, which is not reported as a change. */
  writeBehind(row: Row): void;
  /** The number of the next change, which is one of this task. */
  nextChange(seq: number): number;
  /** One task fewer in a state, one more in another. */
  count(from: TaskState | undefined, to: TaskState): void;
  /** A task has become queued, or was changed while it is; see `queuedKindOf`. */
  countQueued(row: Row): void;
  /** A queued task is about to be changed. */
  uncountQueued(row: Row): void;
  /** How many queued tasks an API key has. */
  queuedOf(owner: string): number;
  /** A queued task may now be claimed once its time has come and its lane lets it. */
  offer(row: Row): void;
  /** A queued task expires at this time, in milliseconds since the epoch. */
  expires(row: Row, at: number): void;
  /** Reports a change that is watched, after the commit. */
  notify(change: TaskChange): void;

  /** The task that holds a key, and the generation in which it took it. */
  keyHolder(row: Row): { readonly seq: number; readonly generation: number } | undefined;
  /** Makes a task the holder of its key. */
  holdKey(row: Row): void;
  /** Lets the key go; `false` when the task does not hold it. */
  dropKey(row: Row): boolean;
  /** The first accepted queued task of the row's key that waits for nothing but the key. */
  nextOfKey(row: Row): Row | undefined;

  /** The batch of that number, which stays the same object for the transaction. */
  batch(seq: number): BatchRow | undefined;
  /** Stores a new batch. */
  insertBatch(row: BatchRow, batch: NewBatch): void;
  /** Counts, bytes or `follows` of a batch have changed. */
  batchChanged(batch: BatchRow): void;
  /** Whether a shutdown has cancelled what was queued in it and its rows do not say so yet. */
  isMarked(batch: BatchRow): boolean;
  /** Queued tasks that wait behind others of their batch alone, in the order of acceptance. */
  waitingOfBatch(batch: BatchRow, limit: number): readonly Pick<Row, "seq" | "lane">[];
  /** All stored tasks of a batch, in the order of acceptance. */
  endedOfBatch(batch: BatchRow): EndedTask[];

  /** Stores what an attempt brought: its record is listed after those before it. */
  report(row: Row, settled: Settled): void;
  /** Stores that a lane is held. */
  holdLane(lane: string, until: number, reason: string): void;
  /** What was decided at acceptance about attempts of unknown effect; `undefined` when it is damaged. */
  policy(row: Row): { retry: RetrySchedule; onUnknown: OnUnknown } | undefined;
  /** Erases payload, result, and what label, errors and attempts say in words; changes the row accordingly. */
  erase(row: Row): void;
  /** The task with all that is stored of it, in the state of `row`; with `brief`, without a long payload. */
  record(row: Row, brief?: boolean): TaskRecord;
  /** What follows the end of that task or batch. */
  followUps(seq: number): FollowUp[];
  /** Deletes the follow-ups of a batch, which are created only once. */
  dropFollowUps(batch: BatchRow): void;
}

/** A task that is due; a storage adds what it has read along with the row. */
export interface Due {
  /** Its row. */
  readonly row: Row;
}

/** What claims ask beyond the rest; `Claimed` is a claimed task as the engine hands it on. */
export interface ClaimStorage<Found extends Due, Claimed> extends Storage {
  /** Tasks of a turn's lane and priority that are due, in their order; each has been changed before the next is read. */
  due(turn: Turn, limit: number): Iterable<Found>;
  /** When the first that is left there is due; infinity for none. */
  nextDueAt(turn: Turn): number;
  /** A claimed task as it is handed on; `undefined` when its payload is damaged. */
  handOver(found: Found): Claimed | undefined;
}

/** What a submission asks beyond the rest. */
export interface SubmissionStorage extends Storage {
  /** What an earlier submission under this key came to; `undefined` when there was none. */
  recall(idempotency: Idempotency): Inserted | undefined;
  /** Remembers what a key was used for. */
  remember(idempotency: Idempotency, id: string): void;
  /** Changes a schedule; its new version, or `undefined` when it is not as it was seen. */
  changeSchedule(change: ScheduleChange): number | undefined;
  /** Stores a hook's delivery, or rewrites it. */
  writeDelivery(delivery: StoredDelivery): void;
}
