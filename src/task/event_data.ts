/**
 * The data that callbacks and chained tasks get about a task or a batch that has ended:
 * an event as JSON, and data for placeholders. Secrets are masked, as in every view.
 *
 * @module
 */

import { compact } from "../lib/compact.ts";
import { isLongerThan } from "../lib/text.ts";
import { maskResult } from "./secrets.ts";
import type { TaskState } from "./state.ts";
import type { BatchRecord } from "./batch.ts";
import {
  type GivenFields,
  type Json,
  type Reason,
  type ShownField,
  type TaskError,
  type TaskRecord,
  withGiven,
} from "./task.ts";

/** A JSON object. */
export type JsonObject = { [name: string]: Json };

/** One task of a batch that has ended. */
export interface EndedTask {
  /** `tsk_…` */
  readonly id: string;
  /** Its final state. */
  readonly state: TaskState;
  /** Why it has that state. */
  readonly reason?: Reason;
  /** Its subject, recipients or URL. */
  readonly label: string;
  /** The last attempt's error. */
  readonly error?: TaskError;
  /** What submitted it. */
  readonly source?: string;
}

/** Standard Webhooks recommends less than 20 KB. */
const EVENT_BYTES = 19_000;
/** The most tasks of a batch that are listed one by one. */
const LISTED_TASKS = 1_000;
const LIST_LETTERS = 64_000;

/** Fields that views show and events leave out. */
type LeftOut =
  | "dueAt"
  | "expiresAt"
  | "priority"
  | "owner"
  | "possibleDuplicate"
  | "label"
  | "source"
  | "cancelledBy";

/** The data of a task, for the placeholders of a chained task. */
export function taskEventData(task: TaskRecord): JsonObject {
  const shown: Record<Exclude<ShownField, LeftOut | keyof GivenFields>, Json | undefined> = {
    id: task.id,
    type: task.type,
    state: task.state,
    reason: task.reason,
    delivery: task.delivery,
    attempt: task.attempt,
    createdAt: timeText(task.createdAt),
    finishedAt: timeText(task.finishedAt),
    batchId: task.batchId,
    parentId: task.parentId,
    error: task.error && { ...task.error },
  };
  const data = withGiven({
    ...shown,
    label: task.label,
    result: task.result === undefined ? undefined : maskResult(task.result),
  }, task);
  return compact<object>(data) as JsonObject;
}

/** The data of a batch, for the placeholders of a chained task; `list` has a line for each task. */
export function batchEventData(batch: BatchRecord, tasks: readonly EndedTask[]): JsonObject {
  return {
    ...batchHead(batch),
    list: listOf(tasks),
    tasks: tasks.slice(0, LISTED_TASKS).map(brief),
  };
}

/** The event at a task's end, as JSON: `task.succeeded` and so on. */
export function taskEvent(task: TaskRecord, now: number): string {
  // `seq` grows with each change of the task, so that a late event cannot overwrite the last one.
  const { result, ...head } = {
    ...taskEventData(task),
    seq: task.change,
    final: true,
  } as JsonObject;
  const event = (data: JsonObject) => eventText(`task.${task.state}`, now, data);
  if (result === undefined) return event(head);
  const whole = event({ ...head, result });
  if (!isLongerThan(whole, EVENT_BYTES)) return whole;
  const small = event({ ...head, result: shortened(result), truncated: true });
  return isLongerThan(small, EVENT_BYTES) ? event({ ...head, truncated: true }) : small;
}

/** The event at a batch's end, as JSON: `batch.completed`. */
export function batchEvent(
  batch: BatchRecord,
  tasks: readonly EndedTask[],
  now: number,
): string {
  const head = { ...batchHead(batch), final: true };
  const listed = tasks.map(brief);
  for (let count = listed.length; count > 0; count = count >> 1) {
    const data = {
      ...head,
      tasks: listed.slice(0, count),
      ...(count < listed.length ? { truncated: true } : {}),
    };
    const text = eventText("batch.completed", now, data);
    if (!isLongerThan(text, EVENT_BYTES)) return text;
  }
  return eventText("batch.completed", now, { ...head, truncated: true });
}

function eventText(type: string, now: number, data: JsonObject): string {
  return JSON.stringify({ type, timestamp: timeText(now), data });
}

function batchHead({ id, total, counts, done, createdAt }: BatchRecord): JsonObject {
  return { id, total, counts: { ...counts }, done, createdAt: new Date(createdAt).toISOString() };
}

function brief({ id, state, label, error }: EndedTask): JsonObject {
  return { id, state, label, ...compact({ error: error && { ...error } }) };
}

function listOf(tasks: readonly EndedTask[]): string {
  let text = "";
  for (const [index, { state, label, error }] of tasks.entries()) {
    const line = `${state}  ${label}${error ? `  (${error.code})` : ""}\n`;
    if (index >= LISTED_TASKS || text.length + line.length > LIST_LETTERS) {
      return `${text}… and ${tasks.length - index} more\n`;
    }
    text += line;
  }
  return text;
}

/** A result without its bulky parts. */
function shortened(result: Json): Json {
  if (result === null || typeof result !== "object" || Array.isArray(result)) return null;
  const { body: _, extracted: _extracted, headers: _headers, hops: _hops, ...small } = result;
  return small;
}

function timeText(at: number | undefined): string | undefined {
  return at === undefined ? undefined : new Date(at).toISOString();
}
