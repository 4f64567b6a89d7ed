/**
 * What is told of a task or a batch that has ended: to callbacks as an event,
 * to chained tasks by path. Secrets are masked, as in every view.
 *
 * @module
 */

import { isLongerThan } from "../lib/text.ts";
import { maskResult } from "./secrets.ts";
import type { TaskState } from "./state.ts";
import type { BatchRecord } from "./batch.ts";
import type { Json, Reason, TaskError, TaskRecord } from "./task.ts";

/** A JSON object. */
export type JsonObject = { [name: string]: Json };

/** What is told of each task of a batch. */
export interface EndedTask {
  /** `tsk_…` */
  readonly id: string;
  /** Where it stands. */
  readonly state: TaskState;
  /** Why. */
  readonly reason?: Reason;
  /** What it was about. */
  readonly label: string;
  /** The last attempt's error. */
  readonly error?: TaskError;
}

/** Standard Webhooks asks for less than 20 KB. */
const EVENT_BYTES = 19_000;
/** Tasks of a batch that are told one by one. */
const LISTED_TASKS = 1_000;
const LIST_LETTERS = 64_000;

/** A task as chained tasks may speak of it. */
export function taskEventData(task: TaskRecord): JsonObject {
  return compact({
    id: task.id,
    type: task.type,
    state: task.state,
    reason: task.reason,
    delivery: task.delivery,
    attempt: task.attempt,
    createdAt: timeText(task.createdAt),
    finishedAt: timeText(task.finishedAt),
    key: task.key,
    tags: task.tags === undefined ? undefined : [...task.tags],
    batchId: task.batchId,
    parentId: task.parentId,
    label: task.label,
    error: task.error === undefined ? undefined : { ...task.error },
    result: task.result === undefined ? undefined : maskResult(task.result),
  });
}

/** A batch as chained tasks may speak of it; `list` has a line for each task. */
export function batchEventData(batch: BatchRecord, tasks: readonly EndedTask[]): JsonObject {
  return {
    ...batchHead(batch),
    list: listOf(tasks),
    tasks: tasks.slice(0, LISTED_TASKS).map(brief),
  };
}

/** The event that tells of a task's end, as JSON: `task.succeeded` and so on. */
export function taskEvent(task: TaskRecord, now: number): string {
  // A late one cannot overwrite the end: the number grows with each change of the task.
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

/** The event that tells of a batch's end, as JSON: `batch.completed`. */
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
  return compact({ id, total, counts: { ...counts }, done, createdAt: timeText(createdAt) });
}

function brief({ id, state, label, error }: EndedTask): JsonObject {
  return compact({ id, state, label, error: error === undefined ? undefined : { ...error } });
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

/** A result without what is bulky. */
function shortened(result: Json): Json {
  if (result === null || typeof result !== "object" || Array.isArray(result)) return null;
  const { body: _, extracted: _extracted, headers: _headers, hops: _hops, ...small } = result;
  return small;
}

function compact(members: { [name: string]: Json | undefined }): JsonObject {
  return Object.fromEntries(
    Object.entries(members).filter(([, value]) => value !== undefined),
  ) as JsonObject;
}

function timeText(at: number | undefined): string | undefined {
  return at === undefined ? undefined : new Date(at).toISOString();
}
