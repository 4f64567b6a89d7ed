/**
 * The task: one accepted request, from its submit to its end.
 *
 * @module
 */

import type { Json, JsonText } from "../lib/json.ts";
import type { RetrySchedule } from "./retry.ts";
import type { TaskState } from "./state.ts";

export type { Json } from "../lib/json.ts";

/** A notification, or an HTTP request. */
export type TaskType = "notify" | "fetch";

/** What became of the payload in the end; `unknown` when the bytes had left and no answer came. */
export type Delivery = "delivered" | "not_delivered" | "partial" | "unknown";

/** How one attempt ended, as the receiver answered. */
export type OutcomeKind = "delivered" | "deferred" | "rejected" | "unknown";

/** Why a task has its state, where the state alone does not say. */
export type Reason =
  | "request" // cancelled by a caller
  | "shutdown" // cancelled by SIGINT
  | "batch" // cancelled with its batch
  | "rejected" // refused for good by the receiver
  | "exhausted" // deferred until no attempt was left
  | "unknown" // cut off after the bytes had left, with `onUnknown: "stop"`
  | "crashed" // interrupted three times in a row
  | "damaged" // its stored data cannot be read
  | "expired"; // not done before `expiresAt`

/** An error as a task keeps it. `code` is for programs, `detail` for people. */
export interface TaskError {
  /** Snake case, stable: `timeout`, `address_refused`, `smtp_550`, `http_503` … */
  readonly code: string;
  /** A sentence without secrets. */
  readonly detail: string;
}

/** One attempt, as it is listed. */
export interface AttemptRecord {
  /** From 1; starts again at 1 after a retry of the task. */
  readonly number: number;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  /** Milliseconds since the epoch. */
  readonly endedAt: number;
  /** `cancelled` when it was aborted before the receiver answered. */
  readonly outcome: OutcomeKind | "cancelled";
  /** The error, if there was one. */
  readonly error?: TaskError;
  /** Details of the attempt: address, timings, the receiver's own words. */
  readonly evidence?: Json;
}

/** What to do after an attempt whose effect is unknown. */
export type OnUnknown = "retry" | "stop";

/**
 * What a caller attaches to a task and reads back unchanged.
 *
 * A field added here is taken by every submit, kept, shown and sent with events,
 * and a text is a filter. `givenFields` in `input/options.ts` has its schema, and
 * the tables of each engine its column.
 */
export interface GivenFields {
  /** Tasks of one key are attempted one at a time, in the order of acceptance. */
  readonly key?: string;
  /** For searching; at most 20, each of at most 64 bytes. */
  readonly tags?: readonly string[];
}

/** Those that are a text: each has a column and is a filter. */
export type GivenTexts = {
  readonly [
    Name in keyof GivenFields as NonNullable<GivenFields[Name]> extends string ? Name : never
  ]?: string;
};

const GIVEN: {
  readonly [Name in keyof GivenFields]-?: Name extends keyof GivenTexts ? "text" : "list";
} = { key: "text", tags: "list" };
/** The names of the fields that a caller attaches. */
export const GIVEN_NAMES = Object.keys(GIVEN) as (keyof GivenFields)[];
/** The names of the texts that a caller attaches. */
export const GIVEN_TEXTS = GIVEN_NAMES.filter((name) => GIVEN[name] === "text") as (
  keyof GivenTexts
)[];

/** Copies the fields that a caller attached from one object to another, and returns the latter. */
export function withGiven<Target extends object>(
  to: Target,
  from: { readonly [Name in keyof GivenFields]?: GivenFields[Name] | undefined },
): Target & Pick<GivenFields, keyof GivenFields> {
  const target: Record<string, unknown> = to as never;
  // Assigned one by one: to spread them into an object literal cost every submit 3 %.
  for (const name of GIVEN_NAMES) {
    if (from[name] !== undefined) target[name] = from[name];
  }
  return to;
}

/** A task as it is submitted: everything that is decided when it is accepted. */
export interface NewTask extends GivenFields {
  /** `tsk_…`; its sequence number gives the order of acceptance. */
  readonly id: string;
  /** A notification or an HTTP request. */
  readonly type: TaskType;
  /** The channel that delivers it: a name in the table of channels. */
  readonly channel: string;
  /**
   * The lane of its destination: all tasks for one host (`http://example.org:80`)
   * or relay (`mail:localhost:25`), which are held or limited together.
   */
  readonly lane: string;
  /** What is to be sent, for the channel only; holds secrets. */
  readonly payload: JsonText;
  /** Subject, recipients or URL, without secrets: what lists show and `q` searches. */
  readonly label: string;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  /** Earliest time of the next attempt, in milliseconds since the epoch. */
  readonly dueAt: number;
  /** No attempt begins at or after it; milliseconds since the epoch. */
  readonly expiresAt?: number;
  /** 0 (first) to 9. */
  readonly priority: number;
  /** The waits before further attempts. */
  readonly retry: RetrySchedule;
  /** The longest an attempt may take, in milliseconds. */
  readonly timeoutMs: number;
  /** What to do when an attempt's effect is unknown. */
  readonly onUnknown: OnUnknown;
  /** `none`: payload and result are erased at the end of the task. */
  readonly retain?: "none";
  /** The batch it was submitted in. */
  readonly batchId?: string;
  /** The task or batch whose end created it. */
  readonly parentId?: string;
  /** The name of the API key that submitted it. */
  readonly owner?: string;
  /** What submitted it: `schedule:NAME` or `hook:NAME`; absent for a request. */
  readonly source?: string;
  /** The submit's `X-Request-Id`. */
  readonly requestId?: string;
  /** The submit's W3C `traceparent`. */
  readonly traceparent?: string;
  /** Created when it has ended. */
  readonly followUps?: readonly FollowUp[];
  /** Instead of `followUps`: these as JSON text, where they are long and were written in steps. */
  readonly followUpsText?: JsonText;
}

/** A task that will be created when another task, or a batch, has ended. */
export interface FollowUp {
  /**
   * `chain`: the placeholders `{{task.…}}` and `{{batch.…}}` of its payload are filled in.
   * `callback`: the body of its request becomes the event that reports the end.
   * `fallback`: it stays as it is.
   */
  readonly kind: "chain" | "callback" | "fallback";
  /** The final states of a task that it follows; a batch has only one end. */
  readonly on: readonly TaskState[];
  /** The task to create. */
  readonly task: FollowUpTask;
}

/** A task without an id and without times, which it gets when it is created. */
export interface FollowUpTask extends
  Omit<
    NewTask,
    | "id"
    | "payload"
    | "createdAt"
    | "dueAt"
    | "expiresAt"
    | "parentId"
    | "batchId"
    | "owner"
    | "source"
    | "requestId"
    | "traceparent"
  > {
  /** JSON text of what is to be sent, with the placeholders that are filled in. */
  readonly payload: string;
  /** Milliseconds from the parent's end to the first attempt. */
  readonly delayMs?: number;
  /** Earliest time of the first attempt, in milliseconds since the epoch. */
  readonly runAt?: number;
  /** Milliseconds from the parent's end after which no attempt begins. */
  readonly expiresMs?: number;
  /** No attempt begins at or after it, in milliseconds since the epoch. */
  readonly expiresAt?: number;
}

/** A task as an engine keeps it, without its bulky parts. */
export interface TaskSummary
  extends Omit<NewTask, "payload" | "retry" | "dueAt" | "followUps" | "followUpsText"> {
  /** Its state now. */
  readonly state: TaskState;
  /** Why it has its state, where the state alone does not say. */
  readonly reason?: Reason;
  /** What became of it, once that is final. */
  readonly delivery?: Delivery;
  /** Attempts begun since it was accepted, or last retried by a caller. */
  readonly attempt: number;
  /** Earliest time of the next attempt; absent once it is final. */
  readonly dueAt?: number;
  /** Milliseconds since the epoch; present once it is final. */
  readonly finishedAt?: number;
  /** It may have had its effect already: an attempt was cut off after bytes had left. */
  readonly possibleDuplicate?: true;
  /** The last attempt's error, also while the task waits for the next. */
  readonly error?: TaskError;
  /** What holds it back: a pause, or, although it is due, other tasks of its key or batch. */
  readonly behind?: "pause" | "key" | "batch";
  /** Who cancelled it: the name of an API key, `anonymous`, or a signal. */
  readonly cancelledBy?: string;
  /** Set while a running task is being aborted. */
  readonly aborting?: true;
  /** Number of its latest change, ascending over all tasks of the engine. */
  readonly change: number;
}

/** Fields of a task that callers never see. */
export type InternalField =
  | "channel"
  | "lane"
  | "timeoutMs"
  | "onUnknown"
  | "retain"
  | "requestId"
  | "traceparent"
  | "behind"
  | "aborting"
  | "change";

/** Fields of a task that every view shows: all that are not internal. */
export type ShownField = Exclude<keyof TaskSummary, InternalField>;

/** A task with everything that is kept of it. */
export interface TaskRecord extends TaskSummary {
  /** JSON text, where tokens may stand for long files; absent once erased. */
  readonly payload?: string;
  /** The length of a payload that was left out because it is long, in bytes. */
  readonly payloadBytes?: number;
  /** The waits before further attempts. */
  readonly retry: RetrySchedule;
  /** Oldest first; those from before a retry of the task stay listed. */
  readonly attempts: readonly AttemptRecord[];
  /** The result of the last attempt, as the channel made it. */
  readonly result?: Json;
}

/** A claimed task, as a worker gets it: its attempt has been counted. */
export interface ClaimedTask {
  /** `tsk_…` */
  readonly id: string;
  /** A notification or an HTTP request. */
  readonly type: TaskType;
  /** The channel that delivers it. */
  readonly channel: string;
  /** The lane of its destination. */
  readonly lane: string;
  /** What is to be sent. */
  readonly payload: JsonText;
  /** The number of this attempt. */
  readonly attempt: number;
  /** When this attempt began, in milliseconds since the epoch. */
  readonly startedAt: number;
  /** Since when it was due, in milliseconds since the epoch. */
  readonly dueAt: number;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  /** No attempt begins at or after it; milliseconds since the epoch. */
  readonly expiresAt?: number;
  /** The waits before further attempts. */
  readonly retry: RetrySchedule;
  /** The longest this attempt may take, in milliseconds. */
  readonly timeoutMs: number;
  /** What to do when its effect is unknown. */
  readonly onUnknown: OnUnknown;
  /** It may have had its effect already. */
  readonly possibleDuplicate: boolean;
  /** What the last attempt left for this one. */
  readonly carry?: Json;
  /** The batch it belongs to. */
  readonly batchId?: string;
  /** The submit's `X-Request-Id`. */
  readonly requestId?: string;
  /** The submit's W3C `traceparent`. */
  readonly traceparent?: string;
}
