/**
 * The responses of the API as programs read them; `/openapi.json` describes the same.
 *
 * @module
 */

import type { Counts, TaskState } from "../state.ts";
import type {
  Delivery,
  GivenFields,
  Json,
  OutcomeKind,
  Reason,
  TaskError,
  TaskType,
} from "../task.ts";

/** A task in a list: without attempts, payload and result. Times are RFC 3339 in UTC. */
export interface TaskSummaryResponse extends GivenFields {
  /** `tsk_…`, sorts by the time of acceptance. */
  readonly id: string;
  /** A notification or an HTTP request. */
  readonly type: TaskType;
  /** Its state. */
  readonly state: TaskState;
  /** Why it has its state, where the state alone does not say. */
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
  /** `bat_…` */
  readonly batchId?: string;
  /** The task or batch whose end created it. */
  readonly parentId?: string;
  /** The name of the API key that submitted it. */
  readonly owner?: string;
  /** What submitted it: `schedule:NAME`, `hook:NAME`, or `api` for requests. */
  readonly source: string;
  /** Subject, recipients or URL, without secrets; absent once erased. */
  readonly label?: string;
  /** The host of its destination; absent where it has none. */
  readonly host?: string;
  /** Who cancelled it: the name of an API key, `anonymous`, or a signal. */
  readonly cancelledBy?: string;
  /** It may have had its effect already. */
  readonly possibleDuplicate?: boolean;
  /** The last attempt's error, also while it waits for the next. */
  readonly error?: TaskError;
}

/** One attempt. */
export interface AttemptResponse {
  /** From 1; starts again at 1 after a retry of the task. */
  readonly number: number;
  /** When it began. */
  readonly startedAt: string;
  /** When it ended. */
  readonly endedAt: string;
  /** How it ended. */
  readonly outcome: OutcomeKind | "cancelled";
  /** The error, if there was one. */
  readonly error?: TaskError;
  /** Details: address, timings, the receiver's own words. */
  readonly evidence?: Json;
}

/** How far a running task has come. */
export interface ProgressResponse {
  /** Bytes moved so far. */
  readonly bytes: number;
  /** The total, when it is known. */
  readonly totalBytes?: number;
  /** Bytes a second. */
  readonly rate: number;
}

/** A task with everything that is kept of it. */
export interface TaskResponse extends TaskSummaryResponse {
  /** Oldest first. */
  readonly attempts: readonly AttemptResponse[];
  /** While it runs, when its channel reports it. */
  readonly progress?: ProgressResponse;
  /** What is to be sent; secrets are masked. */
  readonly payload?: { readonly [name: string]: Json };
  /** The result of the last attempt. */
  readonly result?: Json;
}

/** Tasks, newest first. */
export interface TaskPageResponse {
  /** The tasks of this page. */
  readonly data: readonly TaskSummaryResponse[];
  /** Continues the list; absent at its end. */
  readonly nextCursor?: string;
}

/** A batch in a list. */
export interface BatchSummaryResponse {
  /** `bat_…` */
  readonly id: string;
  /** When it was accepted. */
  readonly createdAt: string;
  /** How many tasks it was submitted with. */
  readonly total: number;
  /** Their states. */
  readonly counts: Counts;
  /** Whether each of them is final. */
  readonly done: boolean;
  /** The name of the API key that submitted it. */
  readonly owner?: string;
}

/** A pause: no attempt of what it covers begins. */
export interface PauseResponse {
  /** `pau_…` */
  readonly id: string;
  /** The host that it covers, whatever the scheme and port. */
  readonly host?: string;
  /** The key that it covers, of `owner` or of all owners. */
  readonly key?: string;
  /** The API key that the key belongs to. */
  readonly owner?: string;
  /** The task type that it covers. */
  readonly type?: TaskType;
  /** The channel that it covers. */
  readonly channel?: string;
  /** It covers everything. */
  readonly all?: true;
  /** When it ends by itself. */
  readonly until?: string;
  /** For people. */
  readonly reason?: string;
  /** Who made it: the name of an API key, or `anonymous`. */
  readonly by: string;
  /** When it was made. */
  readonly createdAt: string;
}

/** The progress of a batch: its tasks, and the bytes of those that succeeded or run. */
export interface BatchProgressResponse extends ProgressResponse {
  /** The part of its tasks that is final, 0 to 1. */
  readonly finished: number;
}

/** A batch and its progress. */
export interface BatchResponse {
  /** `bat_…` */
  readonly id: string;
  /** How many tasks it was submitted with. */
  readonly total: number;
  /** Their states. */
  readonly counts: Counts;
  /** Whether each of them is final. */
  readonly done: boolean;
  /** Its progress. */
  readonly progress?: BatchProgressResponse;
  /** Only of a batch that was just submitted. */
  readonly tasks?: readonly { readonly id: string; readonly state: TaskState }[];
}

/** One change of a task, as an event reports it. */
export interface TaskEventResponse {
  /** `tsk_…` */
  readonly id: string;
  /** A notification or an HTTP request. */
  readonly type: TaskType;
  /** Its state now. */
  readonly state: TaskState;
  /** Attempts begun. */
  readonly attempt: number;
  /** When it changed. */
  readonly at: string;
  /** `bat_…` */
  readonly batchId?: string;
  /** Its progress; an event with progress has no id. */
  readonly progress?: ProgressResponse;
}

/** The state of the service; `/openapi.json` describes the rest of it. */
export interface StatusResponse {
  /** The version of the service. */
  readonly version: string;
  /** In seconds. */
  readonly uptime: number;
  /** `sqlite`, `memory` … */
  readonly engine: string;
  /** Whether tasks outlive the process. */
  readonly durable: boolean;
  /** Whether submits are accepted. */
  readonly accepting: boolean;
  /** Running attempts. */
  readonly running: number;
  /** The most attempts at once. */
  readonly concurrency: number;
  /** Tasks by state. */
  readonly counts: Counts;
  /** Queued tasks by what they wait for; the four counts add up to `counts.queued`. */
  readonly queued: {
    readonly due: number;
    readonly scheduled: number;
    readonly retrying: number;
    readonly paused: number;
    /** How long the oldest due task has been due; 0 when none is. */
    readonly oldestDueSeconds: number;
  };
  /** Tasks a second, over the last minute. */
  readonly rates: { readonly accepted: number; readonly settled: number };
}

/** A refusal, after RFC 9457. */
export interface ProblemResponse {
  /** `urn:postrider:problem:` and the code. */
  readonly type: string;
  /** The meaning of the code. */
  readonly title: string;
  /** The HTTP status. */
  readonly status: number;
  /** What is wrong, and what to do about it. */
  readonly detail?: string;
  /** For programs: `invalid`, `not_found`, `queue_full` … */
  readonly code: string;
  /** The fields that are wrong. */
  readonly errors?: readonly { readonly pointer: string; readonly detail: string }[];
  /** The task that the request conflicts with. */
  readonly task?: TaskResponse;
  /** The same as in `X-Request-Id` and in the log. */
  readonly requestId: string;
}
