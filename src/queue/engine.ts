/**
 * The seam between the queue and its users: what every engine promises.
 *
 * An engine stores tasks and gives each to one worker. The lifecycle is the same
 * for all of them (`core/lifecycle.ts`). Expected refusals are values; an engine
 * rejects only when it cannot go on (`EngineError`).
 *
 * - Commit: a call that changes something resolves after its commit. A later
 *   call, from any caller, sees the change.
 * - Clock: every time that an engine reads or stores is of the engine's own
 *   clock. `memory` and `sqlite` use the clock they are given; an engine on a
 *   server uses the server's.
 * - Processes: `memory` and `sqlite` serve one process, and `sqlite` locks its
 *   file. Callers must not rely on that: between two calls of one process another
 *   node may have changed any task.
 * - Watching: listeners are called after the commit, never from inside the call
 *   that made the change. Changes of one task arrive in the order of their change
 *   numbers. Who watches first and reads then misses nothing; after a gap,
 *   `changesAfter` lists what was missed.
 *
 * @module
 */

export * from "./change.ts";
export * from "./cluster.ts";
export * from "./errors.ts";
export { laneIsOfHost } from "./host.ts";
export * from "./pause.ts";

import type { CancelReason, Settlement } from "../task/outcome.ts";
import type { HistoryPart } from "../task/history.ts";
import type { Hosts } from "../task/host_limits.ts";
import type { Counts, TaskState } from "../task/state.ts";
import type { FollowUp, TaskError } from "../task/task.ts";
import type {
  DeliverySummary,
  ScheduleChange,
  StoredDelivery,
  StoredSchedule,
} from "../task/trigger.ts";
import type { BatchTask, TaskChange, Watched } from "./change.ts";
import type { Cluster } from "./cluster.ts";
import type { BatchRecord, NewBatch } from "../task/batch.ts";
import type {
  ClaimedTask,
  GivenTexts,
  NewTask,
  Reason,
  TaskRecord,
  TaskSummary,
  TaskType,
} from "../task/task.ts";
export type { BatchPage } from "./cursor.ts";
import type { BatchPage } from "./cursor.ts";
import type { Pause } from "./pause.ts";

/** What is stored together or not at all. */
export interface Submission {
  /** In the order of their ids. May be empty only together with a schedule or a delivery. */
  readonly tasks: readonly NewTask[];
  /** The batch that the tasks name. */
  readonly batch?: NewBatch;
  /** A second submission with the same key returns the first one's id. */
  readonly idempotency?: Idempotency;
  /** The schedule that runs or changes with this submission. */
  readonly schedule?: ScheduleChange;
  /** The hook delivery that made the tasks; one of the same id is rewritten. */
  readonly delivery?: StoredDelivery;
  /** How many queued tasks the API key of the tasks may have. */
  readonly quota?: { readonly owner: string; readonly maxQueued: number };
}

/** An `Idempotency-Key` as an engine stores it. */
export interface Idempotency {
  /** The API key and the route that used it; keys of different scopes are different. */
  readonly scope: string;
  /** The caller's key. */
  readonly key: string;
  /** Digest of the body; another body under the same key is a conflict. */
  readonly fingerprint: string;
  /** When it is deleted, in milliseconds since the epoch. */
  readonly expiresAt: number;
}

/** The result of a submission. */
export type Inserted =
  /** With the schedule's new version, where there is one. */
  | { readonly kind: "stored"; readonly version?: number }
  /** The schedule has changed since the caller read it. */
  | { readonly kind: "stale" }
  /** The key was used before with the same body; the id is that delivery's, batch's or task's. */
  | { readonly kind: "replayed"; readonly id: string }
  /** The key was used before with another body. */
  | { readonly kind: "conflict" }
  /** `queue_full`: as many tasks are queued as may be; `storage_full`: the disk is full. */
  | {
    readonly kind: "refused";
    readonly code: "queue_full" | "storage_full";
    /** Set when the quota of the API key is used up, to its `maxQueued`. */
    readonly quota?: number;
  };

/** Selects tasks; each given field must match. */
export interface TaskFilter extends GivenTexts {
  /** Any of these. */
  readonly states?: readonly TaskState[];
  /** Is queued and waited for this at that moment, in milliseconds since the epoch. */
  readonly queued?: { readonly kind: QueuedKind; readonly at: number };
  /** Notification or request. */
  readonly type?: TaskType;
  /** Carries this tag. */
  readonly tag?: string;
  /** Carries each of these tags. */
  readonly tags?: readonly string[];
  /** Is in this batch. */
  readonly batchId?: string;
  /** Goes to this host: `example.org` (any scheme and port), `example.org:8080`, or a whole lane. */
  readonly host?: string;
  /** Is in its state for this reason. */
  readonly reason?: Reason;
  /** Is a follow-up of this task or batch. */
  readonly parentId?: string;
  /** Its label contains this text, in any case; or the id of a task, a batch or a request (`req_…`). */
  readonly q?: string;
  /** Belongs to this API key. */
  readonly owner?: string;
  /** Accepted then or later, in milliseconds since the epoch. */
  readonly since?: number;
  /** Accepted then or earlier, in milliseconds since the epoch. */
  readonly until?: number;
  /** Became final then or later, in milliseconds since the epoch. */
  readonly finishedSince?: number;
  /** Became final then or earlier, in milliseconds since the epoch. */
  readonly finishedUntil?: number;
  /** `schedule:NAME`, `hook:NAME`, or `api` for requests. */
  readonly source?: string;
}

/** A part of a list, newest first. */
export interface Page {
  /** At most `limit`. A filter that no index serves may return fewer although the list goes on. */
  readonly tasks: readonly TaskSummary[];
  /** Continues the list; absent at its end. */
  readonly nextCursor?: string;
}

/** How many tasks of a part of the list match. */
export interface CountedPart {
  /** Their number. */
  readonly count: number;
  /** Continues the count; absent at its end. */
  readonly nextCursor?: string;
}

/** Receives how many tasks a change of all that match has changed so far. */
export type OnPart = (changed: number) => void;

/** A part of the deliveries of a hook, newest first. */
export interface DeliveryPage {
  /** At most `limit`. */
  readonly deliveries: readonly DeliverySummary[];
  /** Continues the list; absent at its end. */
  readonly nextCursor?: string;
}

/** The result of cancelling one task. */
export type Cancelled = "cancelled" | "aborting" | "too_late" | "not_found";

/** The result of retrying one task; `expired`: it has expired meanwhile and is so now. */
export type Revived = Changed | "expired" | "full";

/** How many tasks may be queued after tasks were revived. */
export interface Room {
  /** Of all API keys together. */
  readonly maxQueued: number;
  /** Of single API keys, by name: the most tasks of each. */
  readonly quotas?: ReadonlyMap<string, number>;
}

/** The result of erasing one task. */
export type Erased = "erased" | "not_final" | "not_found";

/** What a queued task waits for. */
export type QueuedKind = "due" | "scheduled" | "retrying" | "paused";

/** Queued tasks by what they wait for; each task counts once. */
export interface QueuedKinds {
  /** Their time has come; a key, a limit or a hold may still stop them. */
  readonly due: number;
  /** Their own time has not come. */
  readonly scheduled: number;
  /** They wait for their next attempt. */
  readonly retrying: number;
  /** A pause covers them. */
  readonly paused: number;
  /** Since when the oldest due task is due, in milliseconds since the epoch. */
  readonly oldestDueAt?: number;
}

/** The result of running one task now. */
export type Changed = "changed" | "not_possible" | "not_found";

/** The result of one purge call. */
export interface Purged {
  /** Tasks deleted by this call. */
  readonly deleted: number;
  /** Whether all was read; if not, the next call continues where this one ended. */
  readonly isOver: boolean;
}

/** A lane's limit, hold and running attempts. */
export interface LaneStatus {
  /** Its name. */
  readonly lane: string;
  /** Running attempts. */
  readonly running: number;
  /** The most that may run at once. */
  readonly limit: number;
  /** Held until then, in milliseconds since the epoch. */
  readonly heldUntil?: number;
  /** Why it is held. */
  readonly reason?: string;
}

/** A task that failed without the settlement of an attempt: by a crash, or by damage to its payload. */
export interface FailedTask {
  /** `tsk_…` */
  readonly id: string;
  /** Notification or request. */
  readonly type: TaskType;
  /** Where it was to go. */
  readonly lane: string;
  /** Attempts since it was accepted or revived. */
  readonly attempts: number;
  /** Why it failed. */
  readonly reason: Reason;
  /** Its error. */
  readonly error: TaskError;
}

/** A session of the dashboard that was signed out. */
export interface EndedSession {
  /** Its id. */
  readonly id: string;
  /** When it would have ended, in milliseconds since the epoch. */
  readonly until: number;
}

/** What is known of an engine's file. */
export interface OpenedFile {
  /** The version of its tables. */
  readonly schema: number;
  /** What of its log could not be read at the opening; absent when nothing was missing. */
  readonly logIssue?: string;
}

/** What an acknowledged submission survives. */
export type Durability = "memory" | "disk" | "replicated";

/** Stores tasks, and gives each to one worker. */
export interface QueueEngine extends AsyncDisposable {
  /** `sqlite`, `memory` … */
  readonly name: string;
  /** Whether what it stores outlives the process. */
  readonly durable: boolean;
  /** What an acknowledged submission survives: nothing, a power cut, or the loss of a server. */
  readonly durability: Durability;
  /** The other nodes; absent when the engine is one process's alone. */
  readonly cluster?: Cluster;
  /** The highest sequence number of any id it has ever stored; 0 when there was none. */
  readonly lastSequence: number;
  /** How many attempts of an earlier process were found interrupted at the opening. */
  readonly recovered: number;

  /** Stores all of a submission or nothing. When it resolves `stored`, a durable engine has it on disk. */
  insert(submission: Submission): Promise<Inserted>;
  /**
   * Resolves with 1 to `limit` tasks as soon as any is due. Each is running then,
   * and its attempt is counted and on disk. Resolves with none when the signal
   * aborts, unless tasks were claimed at that very moment: those are returned.
   */
  claim(limit: number, signal: AbortSignal): Promise<ClaimedTask[]>;
  /** Stores the result of an attempt; `false` when the task is no longer at that attempt. */
  settle(settlement: Settlement): Promise<boolean>;

  /** Cancels a queued task; requests that a running one be aborted. `by` is who did it. */
  cancel(id: string, reason: CancelReason, by?: string): Promise<Cancelled>;
  /** The same for all that match and are not final, in several transactions. */
  cancelAll(
    filter: TaskFilter,
    reason: CancelReason,
    by?: string,
    onPart?: OnPart,
  ): Promise<{ cancelled: number; aborting: number }>;
  /**
   * Cancels all queued tasks with reason `shutdown`, by one durable record that
   * every later read honours. Nothing is claimed or accepted afterwards. Running
   * tasks can still be settled, but do not go back to the queue. Resolves with the
   * number of tasks. Only watchers of one task or one batch are notified.
   */
  cancelWaiting(): Promise<number>;
  /**
   * Makes a failed, cancelled or expired task queued again, with its attempts
   * counted from 1: due now, or at its time if it was never tried before that. It
   * loses an expiry that has passed. Without room it stays as it is: `full`.
   */
  revive(id: string, room?: Room): Promise<Revived>;
  /**
   * The same for all that match. One that has expired meanwhile becomes `expired`
   * instead, unless the filter names the state `expired`. `full` counts those that
   * stay as they are because there is no room.
   */
  reviveAll(
    filter: TaskFilter,
    room?: Room,
    onPart?: OnPart,
  ): Promise<{ retried: number; expired: number; full: number }>;
  /** Makes a queued task due now. */
  runNow(id: string): Promise<Changed>;
  /** Erases payload, result, label, and the words of errors and attempts of a final task. */
  erase(id: string): Promise<Erased>;

  /** The task with everything that is stored of it. */
  find(id: string): Promise<TaskRecord | undefined>;
  /** The same, but a payload of more than a MiB is left out: `payloadBytes` is its length. */
  findBrief(id: string): Promise<TaskRecord | undefined>;
  /** What follows the end of a task; nothing once that is erased. */
  followUps(id: string): Promise<readonly FollowUp[]>;
  /** Those that match, newest first. Throws a `RangeError` for a malformed cursor. */
  list(filter: TaskFilter, limit: number, cursor?: string): Promise<Page>;
  /**
   * Queued tasks that match and whose time has not come, the first of them first.
   * Throws a `RangeError` for a malformed cursor.
   */
  upcoming(filter: TaskFilter, limit: number, cursor?: string): Promise<Page>;
  /**
   * Counts those that match, at most `most` at a time, or some thousands. Throws a
   * `RangeError` for a malformed cursor.
   */
  count(filter: TaskFilter, cursor?: string, most?: number): Promise<CountedPart>;
  /** A batch and its counts. */
  findBatch(id: string): Promise<BatchRecord | undefined>;
  /** Batches, of one owner or of all, newest first. Throws a `RangeError` for a malformed cursor. */
  listBatches(limit: number, cursor?: string, owner?: string): Promise<BatchPage>;
  /** The states of a batch's tasks, in the order of submission. */
  batchTasks(id: string): Promise<BatchTask[]>;
  /** The number of the latest change; 0 before the first. */
  lastChange(): Promise<number>;
  /** Tasks changed after that change, each once, in its present state, in the order of `change`. */
  changesAfter(change: number, limit: number): Promise<TaskChange[]>;
  /** How many tasks are stored in each state, exact as of the last commit. */
  counts(): Promise<Counts>;
  /** Queued tasks by what they wait for, exact as of the last commit. */
  queued(): Promise<QueuedKinds>;
  /** Lanes with running attempts or a hold, the busiest first. */
  lanes(limit: number): Promise<LaneStatus[]>;
  /** One lane. */
  lane(lane: string): Promise<LaneStatus>;

  /**
   * Stores a pause. When it resolves, no task that it covers begins, and they count
   * as paused; of hundreds of thousands, the last ones do a little later. It ends at
   * its `until`, or by `resume`.
   */
  pause(pause: Pause): Promise<void>;
  /** The pauses that are in force, oldest first. */
  pauses(): Promise<Pause[]>;
  /** Ends a pause; `false` when there is none of that id. */
  resume(id: string): Promise<boolean>;
  /**
   * Moves the queued tasks of lanes that are not used any more to `to`, and ends the
   * holds of those lanes: the lanes whose names begin with one of `prefixes`, except
   * `used`. Resolves with the number of tasks.
   */
  moveLanes(prefixes: readonly string[], used: readonly string[], to: string): Promise<number>;
  /** Ends the holds of a host's lanes; resolves with their names. */
  releaseHolds(host: string): Promise<string[]>;
  /** Stores counts of the past; one of the same step and process is replaced, old ones are deleted. */
  writeHistory(parts: readonly HistoryPart[]): Promise<void>;
  /** The counts of steps of this length that began at `since` or later, of all processes. */
  history(stepMs: number, since: number): Promise<HistoryPart[]>;
  /** Stores that a session was signed out; `until` is when it would have ended, in milliseconds since the epoch. */
  endSession(id: string, until: number): Promise<void>;
  /** The sessions that were signed out and would not have ended yet. */
  endedSessions(): Promise<EndedSession[]>;
  /** All schedules, by name. */
  schedules(): Promise<StoredSchedule[]>;
  /** Deliveries of a hook, newest first. Throws a `RangeError` for a malformed cursor. */
  deliveries(hook: string, limit: number, cursor?: string): Promise<DeliveryPage>;
  /** The delivery with everything that is stored of it. */
  findDelivery(id: string): Promise<StoredDelivery | undefined>;

  /** Limits how many tasks of a lane run at once; 64 for a lane without a limit. Stored. */
  limitLane(lane: string, limit: number): Promise<void>;
  /** Replaces the limits of hosts. Not stored: the caller sets them at each start. */
  limitHosts(hosts: Hosts): Promise<void>;
  /**
   * Deletes up to `limit` tasks that became final before then, and up to as many
   * old hook deliveries. To be short, one call reads only a part of what is stored,
   * and may find nothing there. Calls until `isOver` delete all that had ended at
   * the first of them.
   */
  purge(finishedBefore: number, limit: number): Promise<Purged>;

  /** Gives the free space of the file back when it is much, and when that is quick. Only engines on a file. */
  compact?(): void;
  /** Writes a consistent copy to a new file at `path`. Only engines on a file. */
  backup?(path: string): Promise<void>;
  /**
   * Refuses submissions with an `EngineAwayError` of this text, until it is called
   * without one. Only engines on a file, which may be removed while they run.
   */
  refuseSubmissions?(because: string | undefined): void;
  /** The version of the stored data's layout, and what was found to be wrong with its log. */
  readonly file?: OpenedFile;

  /** Calls `listener` for each change that matches; returns a function that ends it. */
  watch(what: Watched, listener: (change: TaskChange) => void): () => void;
}
