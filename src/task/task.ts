/**
 * The task: one thing asked for and accepted, as every room of the house knows it.
 *
 * @module
 */

import type { Json } from "../lib/json.ts";
import type { RetrySchedule } from "./retry.ts";
import type { TaskState } from "./state.ts";

export type { Json } from "../lib/json.ts";

/** What is asked for: a notification, or an HTTP request. */
export type TaskType = "notify" | "fetch";

/** What became of the payload in the end; `unknown` when the bytes had left and no answer came. */
export type Delivery = "delivered" | "not_delivered" | "partial" | "unknown";

/** What the other side said at one attempt. */
export type OutcomeKind = "delivered" | "deferred" | "rejected" | "unknown";

/** Why a task stands where it stands, where its state alone does not say. */
export type Reason =
  | "request" // cancelled by a caller
  | "shutdown" // cancelled by SIGINT
  | "batch" // cancelled with its batch
  | "rejected" // the other side said no for good
  | "exhausted" // deferred until no try was left
  | "unknown" // cut off after the bytes had left, and told not to try again
  | "crashed" // broken off three times running
  | "damaged" // what was kept of it cannot be read any more
  | "expired"; // its time was over

/** An error as a task keeps it. `code` is for programs, `detail` for people. */
export interface TaskError {
  /** Snake case, stable: `timeout`, `address_refused`, `smtp_550`, `http_503` … */
  readonly code: string;
  /** A sentence without secrets. */
  readonly detail: string;
}

/** One try at a task, as it is listed. */
export interface AttemptRecord {
  /** From 1, anew after a revival. */
  readonly number: number;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  /** Milliseconds since the epoch. */
  readonly endedAt: number;
  /** `cancelled` when an abort of ours ended it before the other side said anything. */
  readonly outcome: OutcomeKind | "cancelled";
  /** What went wrong, if something did. */
  readonly error?: TaskError;
  /** What was seen on the way: address, times, the other side's own words. */
  readonly evidence?: Json;
}

/** What to do about an attempt whose effect is unknown. */
export type OnUnknown = "retry" | "stop";

/** A task as it is submitted: all that is decided when it is accepted. */
export interface NewTask {
  /** `tsk_…`; its sequence number is its place in the order of acceptance. */
  readonly id: string;
  /** What is asked for. */
  readonly type: TaskType;
  /** The channel that delivers it: a name in the table of channels. */
  readonly channel: string;
  /**
   * The lane of its destination: all tasks for one host (`http://example.org:80`)
   * or relay (`mail:localhost:25`), which may be held or limited together.
   */
  readonly lane: string;
  /** JSON text of what is to be sent, for the channel's eyes; holds secrets. */
  readonly payload: string;
  /** What `q` searches and lists may show: subject, recipients, URL; no secrets. */
  readonly label: string;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  /** Earliest time of the next attempt, in milliseconds since the epoch. */
  readonly dueAt: number;
  /** No attempt begins at or after it; milliseconds since the epoch. */
  readonly expiresAt?: number;
  /** 0 (first) to 9. */
  readonly priority: number;
  /** The waits before further tries. */
  readonly retry: RetrySchedule;
  /** The longest an attempt may take, in milliseconds. */
  readonly timeoutMs: number;
  /** Tasks of one key are attempted one at a time, in the order of acceptance. */
  readonly key?: string;
  /** At most 20 of 64 bytes. */
  readonly tags?: readonly string[];
  /** What to do when an attempt's effect is unknown. */
  readonly onUnknown: OnUnknown;
  /** `none`: payload and result are erased at the end. */
  readonly retain?: "none";
  /** The batch it was submitted in. */
  readonly batchId?: string;
  /** The task, or the batch, that had it made. */
  readonly parentId?: string;
  /** The name of the API key that submitted it. */
  readonly owner?: string;
  /** The submit's `X-Request-Id`. */
  readonly requestId?: string;
  /** The submit's W3C `traceparent`. */
  readonly traceparent?: string;
  /** What is made when it has ended. */
  readonly followUps?: readonly FollowUp[];
}

/** A task that will be made when another, or a batch, has ended. */
export interface FollowUp {
  /**
   * `chain`: the marks `{{task.…}}` and `{{batch.…}}` of its payload are filled in.
   * `callback`: the body of its request becomes the event that tells of the end.
   * `fallback`: it is as it is.
   */
  readonly kind: "chain" | "callback" | "fallback";
  /** The ends of a task that it follows; a batch has but one. */
  readonly on: readonly TaskState[];
  /** What is to be done. */
  readonly task: FollowUpTask;
}

/** A task that has no id and no moment yet. */
export interface FollowUpTask extends
  Omit<
    NewTask,
    | "id"
    | "createdAt"
    | "dueAt"
    | "expiresAt"
    | "parentId"
    | "batchId"
    | "owner"
    | "requestId"
    | "traceparent"
  > {
  /** Milliseconds from the parent's end to the first attempt. */
  readonly delayMs?: number;
  /** Earliest time of the first attempt, in milliseconds since the epoch. */
  readonly runAt?: number;
  /** No attempt begins that many milliseconds after the parent's end, or later. */
  readonly expiresMs?: number;
  /** No attempt begins at or after it, in milliseconds since the epoch. */
  readonly expiresAt?: number;
}

/** A task as an engine keeps it, but for its bulky parts. */
export interface TaskSummary extends Omit<NewTask, "payload" | "retry" | "dueAt" | "followUps"> {
  /** Where it stands. */
  readonly state: TaskState;
  /** Why, where the state alone does not say. */
  readonly reason?: Reason;
  /** What became of it, once that is final. */
  readonly delivery?: Delivery;
  /** Attempts begun since it was accepted or revived. */
  readonly attempt: number;
  /** Earliest time of the next attempt; absent once it is final. */
  readonly dueAt?: number;
  /** Milliseconds since the epoch; present once it is final. */
  readonly finishedAt?: number;
  /** It may have had its effect before: an attempt broke off after bytes had left. */
  readonly possibleDuplicate?: true;
  /** The last attempt's error, also while the task waits for the next. */
  readonly error?: TaskError;
  /** What a waiting task stands behind, once its time has come: others of its key, or of its batch. */
  readonly behind?: "key" | "batch";
  /** Set while a running task is being aborted. */
  readonly aborting?: true;
  /** Number of its latest change, ascending over all tasks of the engine. */
  readonly change: number;
}

/** A task with all that is kept of it. */
export interface TaskRecord extends TaskSummary {
  /** JSON text; absent once erased. */
  readonly payload?: string;
  /** The waits before further tries. */
  readonly retry: RetrySchedule;
  /** Oldest first; those from before a revival stay listed. */
  readonly attempts: readonly AttemptRecord[];
  /** What the last attempt brought back, as the channel made it. */
  readonly result?: Json;
}

/** What a worker gets when it claims: a task whose attempt has been counted. */
export interface ClaimedTask {
  /** `tsk_…` */
  readonly id: string;
  /** What is asked for. */
  readonly type: TaskType;
  /** The channel that delivers it. */
  readonly channel: string;
  /** The lane of its destination. */
  readonly lane: string;
  /** JSON text of what is to be sent. */
  readonly payload: string;
  /** Attempts begun since it was accepted or revived, this one included. */
  readonly attempt: number;
  /** When this attempt began, in milliseconds since the epoch. */
  readonly startedAt: number;
  /** Since when it might have begun, in milliseconds since the epoch. */
  readonly dueAt: number;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  /** No attempt begins at or after it; milliseconds since the epoch. */
  readonly expiresAt?: number;
  /** The waits before further tries. */
  readonly retry: RetrySchedule;
  /** The longest this attempt may take, in milliseconds. */
  readonly timeoutMs: number;
  /** What to do when its effect is unknown. */
  readonly onUnknown: OnUnknown;
  /** It may have had its effect before. */
  readonly possibleDuplicate: boolean;
  /** What the last attempt handed to this one. */
  readonly carry?: Json;
  /** The batch it belongs to. */
  readonly batchId?: string;
  /** The submit's `X-Request-Id`. */
  readonly requestId?: string;
  /** The submit's W3C `traceparent`. */
  readonly traceparent?: string;
}
