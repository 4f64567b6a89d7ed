/**
 * What the API answers, as a program that calls it sees it.
 *
 * @module
 */

import type { Counts, TaskState } from "../state.ts";
import type { Delivery, Json, OutcomeKind, Reason, TaskError, TaskType } from "../task.ts";

/** A task in a list: without attempts, payload and result. Times are RFC 3339 in UTC. */
export interface TaskSummaryResponse {
  /** `tsk_…`, sorts by the time of acceptance. */
  readonly id: string;
  /** What was asked for. */
  readonly type: TaskType;
  /** Where it stands. */
  readonly state: TaskState;
  /** Why, where the state alone does not say. */
  readonly reason?: Reason;
  /** What became of the payload, with a final state. */
  readonly delivery?: Delivery;
  /** Attempts begun since it was accepted or retried. */
  readonly attempt: number;
  /** When it was accepted. */
  readonly createdAt: string;
  /** Earliest time of the next attempt; absent once it is final. */
  readonly dueAt?: string;
  /** No attempt begins at or after it. */
  readonly expiresAt?: string;
  /** Present once it is final. */
  readonly finishedAt?: string;
  /** 0 goes first. */
  readonly priority: number;
  /** Tasks of one key go one at a time. */
  readonly key?: string;
  /** To find it by. */
  readonly tags?: readonly string[];
  /** `bat_…` */
  readonly batchId?: string;
  /** The task or batch that had it made. */
  readonly parentId?: string;
  /** The name of the API key that submitted it. */
  readonly owner?: string;
  /** It may have had its effect before. */
  readonly possibleDuplicate?: boolean;
  /** The last attempt's error, also while it waits for the next. */
  readonly error?: TaskError;
}

/** One try at a task. */
export interface AttemptResponse {
  /** From 1; anew after a retry of the task. */
  readonly number: number;
  /** When it began. */
  readonly startedAt: string;
  /** When it ended. */
  readonly endedAt: string;
  /** What the other side said. */
  readonly outcome: OutcomeKind | "cancelled";
  /** What went wrong, if something did. */
  readonly error?: TaskError;
  /** What was seen on the way. */
  readonly evidence?: Json;
}

/** How far a running task has come. */
export interface ProgressResponse {
  /** Bytes moved so far. */
  readonly bytes: number;
  /** Bytes there are, when that is known. */
  readonly totalBytes?: number;
  /** Bytes a second. */
  readonly rate: number;
}

/** A task with all that is kept of it. */
export interface TaskResponse extends TaskSummaryResponse {
  /** Oldest first. */
  readonly attempts: readonly AttemptResponse[];
  /** While it runs, when its channel says. */
  readonly progress?: ProgressResponse;
  /** What is to be sent; secrets are masked. */
  readonly payload?: { readonly [name: string]: Json };
  /** What the last attempt brought back. */
  readonly result?: Json;
}

/** Tasks, newest first. */
export interface TaskPageResponse {
  /** Those of this page. */
  readonly data: readonly TaskSummaryResponse[];
  /** Continues the list; absent at its end. */
  readonly nextCursor?: string;
}

/** How far a batch has come: its tasks, and the bytes of those that succeeded or are under way. */
export interface BatchProgressResponse extends ProgressResponse {
  /** The part of its tasks that is final, 0 to 1. */
  readonly finished: number;
}

/** A batch as it now stands. */
export interface BatchResponse {
  /** `bat_…` */
  readonly id: string;
  /** How many tasks it was submitted with. */
  readonly total: number;
  /** Where they stand. */
  readonly counts: Counts;
  /** Whether each of them is final. */
  readonly done: boolean;
  /** How far it has come. */
  readonly progress?: BatchProgressResponse;
  /** Of a batch that was just submitted. */
  readonly tasks?: readonly { readonly id: string; readonly state: TaskState }[];
}

/** One change of a task, as an event tells it. */
export interface TaskEventResponse {
  /** `tsk_…` */
  readonly id: string;
  /** What was asked for. */
  readonly type: TaskType;
  /** Where it now stands. */
  readonly state: TaskState;
  /** Attempts begun. */
  readonly attempt: number;
  /** When it changed. */
  readonly at: string;
  /** `bat_…` */
  readonly batchId?: string;
  /** How far it has come; such an event has no number. */
  readonly progress?: ProgressResponse;
}

/** How the service is; hosts, relays and threads as `/openapi.json` says. */
export interface StatusResponse {
  /** Of the service. */
  readonly version: string;
  /** Seconds. */
  readonly uptime: number;
  /** `sqlite`, `memory` … */
  readonly engine: string;
  /** Whether what is kept outlives the process. */
  readonly durable: boolean;
  /** Whether submits are taken. */
  readonly accepting: boolean;
  /** Attempts under way. */
  readonly running: number;
  /** The most at once. */
  readonly concurrency: number;
  /** Tasks by state. */
  readonly counts: Counts;
  /** Tasks a second, over the last minute. */
  readonly rates: { readonly accepted: number; readonly settled: number };
}

/** What is refused, after RFC 9457. */
export interface ProblemResponse {
  /** `urn:postrider:problem:` and the code. */
  readonly type: string;
  /** What the code means. */
  readonly title: string;
  /** HTTP's. */
  readonly status: number;
  /** What exactly, and what to do about it. */
  readonly detail?: string;
  /** For programs: `invalid`, `not_found`, `queue_full` … */
  readonly code: string;
  /** The fields that are to blame. */
  readonly errors?: readonly { readonly pointer: string; readonly detail: string }[];
  /** The task that stands in the way. */
  readonly task?: TaskResponse;
  /** As in `X-Request-Id` and in the log. */
  readonly requestId: string;
}
