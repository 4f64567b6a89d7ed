/**
 * A task as the memory engine keeps it.
 *
 * @module
 */

import { compact } from "../../lib/compact.ts";
import type { CancelReason } from "../../task/outcome.ts";
import { noCounts, type TaskState } from "../../task/state.ts";
import type { BatchRecord, NewBatch } from "../../task/batch.ts";
import type {
  AttemptRecord,
  ClaimedTask,
  Delivery,
  Json,
  NewTask,
  Reason,
  TaskError,
  TaskRecord,
  TaskSummary,
} from "../../task/task.ts";
import type { TaskChange, TaskFilter } from "../engine.ts";
import { laneIsOfHost } from "../host.ts";

/** What was accepted, and what has become of it since. */
export interface StoredTask {
  readonly seq: number;
  readonly task: NewTask;
  readonly batch: StoredBatch | undefined;
  state: TaskState;
  /** Behind another of its key. */
  parked: boolean;
  /** Behind others of its batch. */
  benched: boolean;
  dueAt: number;
  expiresAt: number | undefined;
  attempt: number;
  startedAt: number;
  possibleDuplicate: boolean;
  change: number;
  attempts: AttemptRecord[];
  payload: string | undefined;
  finishedAt?: number | undefined;
  reason?: Reason | undefined;
  delivery?: Delivery | undefined;
  aborting?: CancelReason | undefined;
  error?: TaskError | undefined;
  result?: Json | undefined;
  carry?: Json | undefined;
}

/** A batch and its tasks, in the order of submission. */
export interface StoredBatch {
  readonly batch: NewBatch;
  readonly total: number;
  readonly tasks: Set<StoredTask>;
  /** Whether something is to be made when it is done. */
  armed: boolean;
  /** What those that succeeded brought back. */
  bytes: number;
  /** How many of its tasks run. */
  running: number;
  /** While it is being kept: how many more of its tasks need not stand back. */
  seats: number;
  /** Those that stand behind others of it, in the order in which they came to. */
  readonly bench: Set<StoredTask>;
}

/** The task without its bulky parts. */
export function summaryOf(kept: StoredTask): TaskSummary {
  const {
    payload: _,
    retry: _retry,
    dueAt: _due,
    expiresAt: _expires,
    followUps: _followUps,
    ...task
  } = kept.task;
  const waits = kept.state === "queued" || kept.state === "running";
  return {
    ...task,
    ...given({
      state: kept.state,
      attempt: kept.attempt,
      change: kept.change,
      dueAt: waits ? kept.dueAt : undefined,
      expiresAt: kept.expiresAt,
      finishedAt: kept.finishedAt,
      reason: kept.reason,
      delivery: kept.delivery,
      possibleDuplicate: kept.possibleDuplicate || undefined,
      error: kept.error,
      aborting: kept.aborting === undefined ? undefined : true,
      behind: kept.parked ? "key" as const : kept.benched ? "batch" as const : undefined,
    }),
  } as TaskSummary;
}

/** Where the task now stands, as its latest change. */
export function changeOf(kept: StoredTask): TaskChange {
  const { id, type, createdAt, batchId } = kept.task;
  return {
    id,
    type,
    state: kept.state,
    attempt: kept.attempt,
    at: kept.finishedAt ?? Math.max(createdAt, kept.startedAt),
    change: kept.change,
    ...compact({ batchId }),
  };
}

/** The task with all that is kept of it. */
export function recordOf(kept: StoredTask): TaskRecord {
  return {
    ...summaryOf(kept),
    retry: kept.task.retry,
    attempts: [...kept.attempts],
    ...given({ payload: kept.payload, result: kept.result }),
  } as TaskRecord;
}

/** What a worker gets. */
export function claimedOf(kept: StoredTask): ClaimedTask {
  const { id, type, channel, lane, createdAt, retry, timeoutMs, onUnknown } = kept.task;
  const { batchId, requestId, traceparent } = kept.task;
  const { attempt, startedAt, dueAt, possibleDuplicate, carry, expiresAt } = kept;
  return {
    id,
    type,
    channel,
    lane,
    payload: kept.payload ?? "",
    attempt,
    startedAt,
    dueAt,
    createdAt,
    retry,
    timeoutMs,
    onUnknown,
    possibleDuplicate,
    ...given({ expiresAt, carry, batchId, requestId, traceparent }),
  };
}

/** A field without a value is left out. */
function given<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== undefined),
  ) as { [K in keyof T]?: Exclude<T[K], undefined> };
}

/** Whether all that the filter asks holds of a task. */
export function matches(filter: TaskFilter, { task, state, reason }: StoredTask): boolean {
  const { states, type, tag, key, batchId, host, parentId, q, owner } = filter;
  return (states === undefined || states.includes(state)) &&
    (type === undefined || task.type === type) &&
    (tag === undefined || task.tags?.includes(tag) === true) &&
    (key === undefined || task.key === key) &&
    (batchId === undefined || task.batchId === batchId) &&
    (host === undefined || laneIsOfHost(task.lane, host)) &&
    (filter.reason === undefined || reason === filter.reason) &&
    (parentId === undefined || task.parentId === parentId) &&
    (q === undefined || task.label.toLowerCase().includes(q.toLowerCase())) &&
    (owner === undefined || task.owner === owner);
}

/** A batch as it now stands. */
export function batchRecordOf({ batch, total, tasks, bytes }: StoredBatch): BatchRecord {
  const { followUps: _, ...head } = batch;
  const counts = noCounts();
  for (const { state } of tasks) counts[state]++;
  return { ...head, total, counts, done: counts.queued + counts.running === 0, bytes };
}
