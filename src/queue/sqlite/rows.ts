/**
 * A task between its row in the file and its shape in the house.
 *
 * @module
 */

import { crc32 } from "node:zlib";
import type { CancelReason } from "../../task/outcome.ts";
import type { RetrySchedule } from "../../task/retry.ts";
import { TASK_STATES, type TaskState } from "../../task/state.ts";
import type {
  ClaimedTask,
  Delivery,
  Json,
  NewTask,
  Reason,
  TaskSummary,
  TaskType,
} from "../../task/task.ts";

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

/** A row of `body`. */
export interface Body {
  readonly spec: string;
  readonly payload: string | null;
  readonly checksum: number;
}

/** What was decided when a task was accepted, less what stands in its row or is bulky. */
export type Spec = Omit<NewTask, "payload" | "dueAt" | "createdAt" | "expiresAt" | "label">;

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
  const {
    payload: _,
    dueAt: _due,
    createdAt: _created,
    expiresAt: _expires,
    label: _label,
    ...spec
  } = task;
  return JSON.stringify(spec);
}

/** A damaged spec must not hide the task: what the row holds still stands. */
function readSpec(row: Row, text: string | undefined): Spec {
  try {
    return JSON.parse(text ?? "");
  } catch {
    return {
      id: row.id,
      type: row.type,
      channel: "",
      lane: "",
      priority: row.priority,
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
  return {
    ...readSpec(row, specText),
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
  };
}

/** What a worker gets. */
export function claimedOf(
  row: Row,
  body: Body,
  carry: string | null | undefined,
): ClaimedTask {
  const spec: Spec = JSON.parse(body.spec);
  return {
    id: row.id,
    type: row.type,
    channel: spec.channel,
    lane: spec.lane,
    payload: body.payload ?? "",
    attempt: row.attempt,
    startedAt: row.started_at ?? 0,
    createdAt: row.created_at,
    retry: spec.retry,
    timeoutMs: spec.timeoutMs,
    onUnknown: spec.onUnknown,
    possibleDuplicate: row.duplicate === 1,
    ...(row.expires_at === null ? {} : { expiresAt: row.expires_at }),
    ...(carry ? { carry: JSON.parse(carry) as Json } : {}),
    ...(spec.batchId === undefined ? {} : { batchId: spec.batchId }),
    ...(spec.requestId === undefined ? {} : { requestId: spec.requestId }),
    ...(spec.traceparent === undefined ? {} : { traceparent: spec.traceparent }),
  };
}
