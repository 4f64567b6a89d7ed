/**
 * The seam between those who ask for tasks to be kept and those who keep them.
 *
 * An engine keeps tasks and hands each to one worker. It never repeats the
 * lifecycle: what an event does to a state is `next`'s word, what an attempt
 * came to is a `Settlement` made by `decide`. Expected refusals are values; an
 * engine rejects only when it cannot go on (`EngineError`).
 *
 * Every call that reads the time uses the engine's own clock: a distributed
 * engine has its time on a server.
 *
 * @module
 */

export * from "./change.ts";
export * from "./errors.ts";

import type { CancelReason, Settlement } from "../task/outcome.ts";
import type { Hosts } from "../task/host_limits.ts";
import type { Counts, TaskState } from "../task/state.ts";
import type {
  DeliverySummary,
  ScheduleChange,
  StoredDelivery,
  StoredSchedule,
} from "../task/trigger.ts";
import type { BatchTask, TaskChange, Watched } from "./change.ts";
import type { BatchRecord, NewBatch } from "../task/batch.ts";
import type {
  ClaimedTask,
  NewTask,
  Reason,
  TaskRecord,
  TaskSummary,
  TaskType,
} from "../task/task.ts";
export type { BatchPage } from "./cursor.ts";
import type { BatchPage } from "./cursor.ts";

/** What is kept together or not at all. */
export interface Submission {
  /** In the order of their ids; none only beside a schedule or a delivery. */
  readonly tasks: readonly NewTask[];
  /** The batch they name as theirs. */
  readonly batch?: NewBatch;
  /** Makes a second submission of the same thing answer with the first. */
  readonly idempotency?: Idempotency;
  /** The schedule whose tick, or change, this is. */
  readonly schedule?: ScheduleChange;
  /** The delivery of a hook that asks for the tasks; one of the same id is rewritten. */
  readonly delivery?: StoredDelivery;
}

/** An `Idempotency-Key` as an engine keeps it. */
export interface Idempotency {
  /** Who used it, and on which route: keys of others never meet. */
  readonly scope: string;
  /** The caller's key. */
  readonly key: string;
  /** Digest of the body: another body under the same key is a conflict. */
  readonly fingerprint: string;
  /** When it is forgotten, in milliseconds since the epoch. */
  readonly expiresAt: number;
}

/** What became of a submission. */
export type Inserted =
  /** With the schedule's new version, where there is one. */
  | { readonly kind: "stored"; readonly version?: number }
  /** The schedule is no longer as it was seen. */
  | { readonly kind: "stale" }
  /** The key was used before with the same body: the id of that delivery, batch or task. */
  | { readonly kind: "replayed"; readonly id: string }
  /** The key was used before with another body. */
  | { readonly kind: "conflict" }
  /** `queue_full`: as many wait as may; `storage_full`: the disk does not take it. */
  | { readonly kind: "refused"; readonly code: "queue_full" | "storage_full" };

/** Which tasks are meant; all that is given must hold. */
export interface TaskFilter {
  /** Any of these. */
  readonly states?: readonly TaskState[];
  /** What is asked for. */
  readonly type?: TaskType;
  /** Carries this tag. */
  readonly tag?: string;
  /** Has this key. */
  readonly key?: string;
  /** Is in this batch. */
  readonly batchId?: string;
  /** Goes to this host: `example.org` (any scheme and port) or a whole lane. */
  readonly host?: string;
  /** Stands there for this reason. */
  readonly reason?: Reason;
  /** Was made by this task, or by the end of this batch. */
  readonly parentId?: string;
  /** Its label holds this text, in any case. */
  readonly q?: string;
  /** Belongs to this API key. */
  readonly owner?: string;
}

/** A part of a list, newest first. */
export interface Page {
  /** At most as many as asked for; a search by `q` may return fewer and yet go on. */
  readonly tasks: readonly TaskSummary[];
  /** Continues the list; absent at its end. */
  readonly nextCursor?: string;
}

/** A part of the deliveries of a hook, newest first. */
export interface DeliveryPage {
  /** At most as many as asked for. */
  readonly deliveries: readonly DeliverySummary[];
  /** Continues the list; absent at its end. */
  readonly nextCursor?: string;
}

/** What became of a wish to cancel one task. */
export type Cancelled = "cancelled" | "aborting" | "too_late" | "not_found";

/** What became of a wish to retry one task, or to run it now. */
export type Changed = "changed" | "not_possible" | "not_found";

/** How far a purge has come. */
export interface Purged {
  /** Tasks deleted by this call. */
  readonly deleted: number;
  /** Whether there is no more; if not, the next call goes on where this one ended. */
  readonly isOver: boolean;
}

/** What can be said of a lane at a glance. */
export interface LaneStatus {
  /** Its name. */
  readonly lane: string;
  /** Attempts under way. */
  readonly running: number;
  /** The most at once. */
  readonly limit: number;
  /** Held until then, in milliseconds since the epoch. */
  readonly heldUntil?: number;
  /** Why it is held. */
  readonly reason?: string;
}

/** Keeps tasks, and hands each to one worker. */
export interface QueueEngine extends AsyncDisposable {
  /** `sqlite`, `memory` … */
  readonly name: string;
  /** Whether what it keeps outlives the process. */
  readonly durable: boolean;
  /** The highest sequence number of any id it ever kept; 0 when there was none. */
  readonly lastSequence: number;
  /** How many tasks it found broken off when it was opened. */
  readonly recovered: number;

  /** Keeps all of a submission or nothing; once it resolves `stored`, a durable engine has it on disk. */
  insert(submission: Submission): Promise<Inserted>;
  /**
   * Resolves with 1 to `limit` tasks as soon as any is due, each now running
   * with its attempt counted and on disk. Resolves with none once the signal
   * aborts: what was claimed at that moment is still handed over.
   */
  claim(limit: number, signal: AbortSignal): Promise<ClaimedTask[]>;
  /** Writes down what an attempt came to; `false` when the task is no longer at that attempt. */
  settle(settlement: Settlement): Promise<boolean>;

  /** Cancels a waiting task; asks for a running one to be aborted. */
  cancel(id: string, reason: CancelReason): Promise<Cancelled>;
  /** The same for all that match and are not final. */
  cancelAll(
    filter: TaskFilter,
    reason: CancelReason,
  ): Promise<{ cancelled: number; aborting: number }>;
  /**
   * Cancels, with reason `shutdown`, all that waits, by one durable mark that
   * every later read honours. Nothing is claimed or accepted afterwards; what
   * runs can still be settled, and does not go back to the queue. Resolves with
   * how many tasks that were; only those watched one by one, or by their batch,
   * are told of.
   */
  cancelWaiting(): Promise<number>;
  /**
   * Makes a failed, cancelled or expired task queued again, its attempts counted
   * anew: due now, or at its time if it was never tried and that has not come.
   */
  revive(id: string): Promise<Changed>;
  /** The same for all that match; resolves with how many they were. */
  reviveAll(filter: TaskFilter): Promise<number>;
  /** Makes a waiting task due now. */
  runNow(id: string): Promise<Changed>;

  /** The task with all that is kept of it. */
  find(id: string): Promise<TaskRecord | undefined>;
  /** Those that match, newest first. Throws a `RangeError` for a cursor it never gave. */
  list(filter: TaskFilter, limit: number, cursor?: string): Promise<Page>;
  /** A batch as it now stands. */
  findBatch(id: string): Promise<BatchRecord | undefined>;
  /** Batches, newest first. Throws a `RangeError` for a cursor it never gave. */
  listBatches(limit: number, cursor?: string): Promise<BatchPage>;
  /** Where the tasks of a batch stand, in the order of submission. */
  batchTasks(id: string): Promise<BatchTask[]>;
  /** The number of the latest change; 0 before the first. */
  lastChange(): Promise<number>;
  /** Tasks changed after that change, each once, as it now stands, in the order of `change`. */
  changesAfter(change: number, limit: number): Promise<TaskChange[]>;
  /** How many tasks are kept in each state, exact as of the last commit. */
  counts(): Promise<Counts>;
  /** Lanes with attempts under way or a hold, the busiest first. */
  lanes(limit: number): Promise<LaneStatus[]>;
  /** How one lane stands. */
  lane(lane: string): Promise<LaneStatus>;

  /** All schedules, by name. */
  schedules(): Promise<StoredSchedule[]>;
  /** Deliveries of a hook, newest first. Throws a `RangeError` for a cursor it never gave. */
  deliveries(hook: string, limit: number, cursor?: string): Promise<DeliveryPage>;
  /** The delivery with all that is kept of it. */
  findDelivery(id: string): Promise<StoredDelivery | undefined>;

  /** Limits how many tasks of a lane run at once; 64 for a lane it has no word for. */
  limitLane(lane: string, limit: number): Promise<void>;
  /** Sets what an operator allows towards hosts, until it is set anew; it is not kept. */
  limitHosts(hosts: Hosts): Promise<void>;
  /**
   * Deletes up to `limit` tasks that became final before then, and up to as many old deliveries
   * of hooks. One call keeps nobody waiting for long, so it may look at a part of what is kept,
   * and find nothing there. From a call that is over to the next one that is, all is deleted
   * that had ended at the first.
   */
  purge(finishedBefore: number, limit: number): Promise<Purged>;

  /** Calls `listener` after the commit of each change of those watched; returns what ends it. */
  watch(what: Watched, listener: (change: TaskChange) => void): () => void;
}
