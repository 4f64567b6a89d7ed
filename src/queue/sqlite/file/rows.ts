/**
 * A task between its row in the file and its shape in the house.
 *
 * @module
 */

import { crc32 } from "node:zlib";
import type { CancelReason } from "../../../task/outcome.ts";
import type { RetrySchedule } from "../../../task/retry.ts";
import { TASK_STATES, type TaskState } from "../../../task/state.ts";
import type { Delivery, NewTask, Reason, TaskSummary, TaskType } from "../../../task/task.ts";

/** A row of `task`; the schema says what each column means. */
export interface Row {
  readonly seq: number;
  readonly id: string;
  readonly type: TaskType;
  state: number;
  era: number;
  readonly lane: number;
  readonly priority: number;
  parked: number;
  due_at: number;
  attempt: number;
  listed: number;
  broken: number;
  duplicate: number;
  readonly erase: number;
  readonly follows: number;
  readonly created_at: number;
  started_at: number | null;
  expires_at: number | null;
  finished_at: number | null;
  readonly key: string | null;
  readonly batch: number | null;
  readonly label: string;
  reason: Reason | null;
  delivery: Delivery | null;
  aborting: CancelReason | null;
  error: string | null;
  change: number;
}

/** The columns of a `Row`, in the order in which `rowFrom` reads them. */
export const ROW_COLUMNS = "seq, id, type, state, era, lane, priority, parked, due_at, attempt, " +
  "listed, broken, duplicate, erase, created_at, started_at, expires_at, finished_at, key, batch, " +
  "label, reason, delivery, aborting, error, change, follows";

/** Makes a row of the values of `ROW_COLUMNS`. */
// deno-lint-ignore no-explicit-any -- what each column holds is the schema's word
export function rowFrom(v: readonly any[]): Row {
  return {
    seq: v[0],
    id: v[1],
    type: v[2],
    state: v[3],
    era: v[4],
    lane: v[5],
    priority: v[6],
    parked: v[7],
    due_at: v[8],
    attempt: v[9],
    listed: v[10],
    broken: v[11],
    duplicate: v[12],
    erase: v[13],
    created_at: v[14],
    started_at: v[15],
    expires_at: v[16],
    finished_at: v[17],
    key: v[18],
    batch: v[19],
    label: v[20],
    reason: v[21],
    delivery: v[22],
    aborting: v[23],
    error: v[24],
    change: v[25],
    follows: v[26],
  };
}

/** A row of `body`. */
export interface Body {
  readonly spec: string;
  readonly payload: string | null;
  readonly checksum: number;
}

/** The columns of a `Body`, in the order in which `bodyFrom` reads them after those of a `Row`. */
export const BODY_COLUMNS = "spec, payload, checksum";

/** Makes a body of the values of `ROW_COLUMNS` and `BODY_COLUMNS`; `undefined` when there is none. */
// deno-lint-ignore no-explicit-any -- what each column holds is the schema's word
export function bodyFrom(v: readonly any[]): Body | undefined {
  return v[27] === null ? undefined : { spec: v[27], payload: v[28], checksum: v[29] };
}

type InRow = "id" | "type" | "priority" | "dueAt" | "createdAt" | "expiresAt" | "label";

/** What was decided when a task was accepted, less what stands in its row or is bulky. */
export interface Spec extends Omit<NewTask, "payload" | "retry" | "followUps" | InRow> {
  /** A wait, and how often it comes in a row; and so on. */
  readonly retry: readonly number[];
}

function packRetry(schedule: RetrySchedule): number[] {
  const packed: number[] = [];
  for (const step of schedule) {
    if (packed.at(-2) === step) packed[packed.length - 1]!++;
    else packed.push(step, 1);
  }
  return packed;
}

/** The schedule of a spec. */
export function unpackRetry({ retry }: Spec): RetrySchedule {
  const schedule: number[] = [];
  for (let at = 0; at < retry.length; at += 2) {
    for (let times = retry[at + 1] ?? 0; times > 0; times--) schedule.push(retry[at] ?? 0);
  }
  return schedule;
}

/** The number under which a state is kept. */
export const STATE: Record<TaskState, number> = Object.fromEntries(
  TASK_STATES.map((state, number) => [state, number]),
) as Record<TaskState, number>;

/** The state a row says. */
export function stateOf(row: { readonly state: number }): TaskState {
  return TASK_STATES[row.state] as TaskState;
}

/** Tells a flipped bit from what was written: a database's own check misses one in a text. */
export function checksumOf(spec: string, payload: string | null): number {
  return crc32(payload ?? "", crc32(spec));
}

/** Whether a body is as it was written. */
export function isIntact(body: Body | undefined): body is Body {
  return body !== undefined && checksumOf(body.spec, body.payload) === body.checksum;
}

/** Splits a new task into what its row does not hold, and its payload. */
export function specOf(task: NewTask): string {
  // Each by its name: a rest of the task would cost as much as the row.
  const spec: Record<keyof Spec, unknown> = {
    channel: task.channel,
    lane: task.lane,
    timeoutMs: task.timeoutMs,
    key: task.key,
    tags: task.tags,
    onUnknown: task.onUnknown,
    retain: task.retain,
    batchId: task.batchId,
    parentId: task.parentId,
    owner: task.owner,
    requestId: task.requestId,
    traceparent: task.traceparent,
    retry: packRetry(task.retry),
  };
  return JSON.stringify(spec);
}

/** A damaged spec must not hide the task: what the row holds still stands. */
function readSpec(row: Row, text: string | undefined): Spec {
  try {
    return JSON.parse(text ?? "");
  } catch {
    return {
      channel: "",
      lane: "",
      retry: [],
      timeoutMs: 0,
      onUnknown: "retry",
      ...(row.key === null ? {} : { key: row.key }),
    };
  }
}

/** The task without its bulky parts, and its retry schedule. */
export function summaryOf(row: Row, specText?: string): TaskSummary & { retry: RetrySchedule } {
  const state = stateOf(row);
  const waits = state === "queued" || state === "running";
  const spec = readSpec(row, specText);
  return {
    ...spec,
    id: row.id,
    type: row.type,
    priority: row.priority,
    retry: unpackRetry(spec),
    state,
    label: row.label,
    createdAt: row.created_at,
    attempt: row.attempt,
    change: row.change,
    ...(waits ? { dueAt: row.due_at } : {}),
    ...(row.expires_at === null ? {} : { expiresAt: row.expires_at }),
    ...(row.finished_at === null ? {} : { finishedAt: row.finished_at }),
    ...(row.reason === null ? {} : { reason: row.reason }),
    ...(row.delivery === null ? {} : { delivery: row.delivery }),
    ...(row.duplicate ? { possibleDuplicate: true as const } : {}),
    ...(row.error === null ? {} : { error: JSON.parse(row.error) }),
    ...(row.aborting === null ? {} : { aborting: true as const }),
    ...(row.parked && state === "queued"
      ? { behind: row.parked === 1 ? "key" as const : "batch" as const }
      : {}),
  };
}
