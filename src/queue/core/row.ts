/**
 * A task and a batch as the lifecycle reads and changes them. Every engine
 * stores these fields; how it does is its own affair.
 *
 * @module
 */

import type { JsonText } from "../../lib/json.ts";
import { sequenceOf } from "../../lib/ids.ts";
import type { BatchRecord, NewBatch } from "../../task/batch.ts";
import type { EndedTask } from "../../task/event_data.ts";
import type { CancelReason } from "../../task/outcome.ts";
import type { RetrySchedule } from "../../task/retry.ts";
import { type Counts, isFinal, noCounts, type TaskState } from "../../task/state.ts";
import {
  type ClaimedTask,
  type Delivery,
  GIVEN_TEXTS,
  type GivenFields,
  type GivenTexts,
  type Json,
  type NewTask,
  type Reason,
  type TaskSummary,
  type TaskType,
  withGiven,
} from "../../task/task.ts";
import type { TaskChange } from "../change.ts";

/** What a queued task waits behind, besides its time; bits of `Row.behind`. */
export const BEHIND = { key: 1, batch: 2, pause: 4 } as const;

/** The texts that a caller attached. */
type GivenColumns = { readonly [Name in keyof GivenTexts]-?: string | null };

/** A task as events change it. Times are milliseconds since the epoch; `null` is no value. */
export interface Row extends GivenColumns {
  /** The sequence number of its id. */
  readonly seq: number;
  readonly id: string;
  readonly type: TaskType;
  state: TaskState;
  /** The generation of the queue in which it became queued; see `Storage.generation`. */
  generation: number;
  /** `null` in rows of an earlier version. */
  readonly channel: string | null;
  lane: string;
  readonly priority: number;
  /** Bits of `BEHIND`; 0 when it waits for its time and its lane alone. */
  behind: number;
  dueAt: number;
  /** Attempts begun since it was accepted or revived. */
  attempt: number;
  /** Attempts that are listed. */
  listed: number;
  /** Attempts in a row that were interrupted by a crash. */
  interrupted: number;
  /** Whether it may have had its effect before. */
  duplicate: boolean;
  /** Whether payload and result are erased at the end. */
  erase: boolean;
  /** Whether something is made at its end. */
  readonly follows: boolean;
  readonly createdAt: number;
  startedAt: number | null;
  expiresAt: number | null;
  finishedAt: number | null;
  /** The sequence number of its batch. */
  readonly batch: number | null;
  /** The sequence number of the task or batch that had it made. */
  readonly parent: number | null;
  readonly owner: string | null;
  /** `schedule:NAME` or `hook:NAME`; `null` for a request. */
  readonly source: string | null;
  label: string;
  reason: Reason | null;
  delivery: Delivery | null;
  /** Set while a running task is to be aborted. */
  aborting: CancelReason | null;
  /** The API key that cancelled it, or requested that; `null` for a shutdown. */
  cancelledBy: string | null;
  /** JSON text of the last attempt's error. */
  error: string | null;
  /** The number of its latest change. */
  change: number;
}

/** What belongs to a new task besides its row; the lifecycle only passes it on. */
export interface Content {
  /** JSON text of a `Spec`. */
  readonly spec: string;
  /** What is to be sent. */
  readonly payload: JsonText;
  readonly tags: readonly string[] | undefined;
  /** JSON text of the `FollowUp`s. */
  readonly followUps: JsonText | undefined;
}

/** The row of a new task. */
export function newRow(task: NewTask): Row {
  const row: Omit<Row, keyof GivenTexts> = {
    seq: sequenceOf(task.id),
    id: task.id,
    type: task.type,
    state: "queued",
    generation: 0,
    channel: task.channel,
    lane: task.lane,
    priority: task.priority,
    behind: 0,
    dueAt: task.dueAt,
    attempt: 0,
    listed: 0,
    interrupted: 0,
    duplicate: false,
    erase: task.retain === "none",
    follows: (task.followUps?.length ?? 0) > 0 || task.followUpsText !== undefined,
    createdAt: task.createdAt,
    startedAt: null,
    expiresAt: task.expiresAt ?? null,
    finishedAt: null,
    batch: task.batchId === undefined ? null : sequenceOf(task.batchId),
    parent: task.parentId === undefined ? null : sequenceOf(task.parentId),
    owner: task.owner ?? null,
    source: task.source ?? null,
    label: task.label,
    reason: null,
    delivery: null,
    aborting: null,
    cancelledBy: null,
    error: null,
    change: 0,
  };
  return withGivenTexts(row, task);
}

function withGivenTexts(row: Omit<Row, keyof GivenTexts>, task: NewTask): Row {
  const given = row as { -readonly [Name in keyof GivenColumns]?: string | null };
  for (const name of GIVEN_TEXTS) given[name] = task[name] ?? null;
  return row as Row;
}

/** What belongs to a new task besides its row. */
export function contentOf(task: NewTask): Content {
  return {
    spec: specOf(task),
    payload: task.payload,
    tags: task.tags,
    followUps: task.followUpsText ??
      (task.followUps?.length ? JSON.stringify(task.followUps) : undefined),
  };
}

type InRow =
  | "id"
  | "type"
  | "priority"
  | "dueAt"
  | "createdAt"
  | "expiresAt"
  | "label"
  | "source"
  | "cancelledBy";

/** What was decided when a task was accepted, without what its row holds and without large content. */
export interface Spec
  extends Omit<NewTask, "payload" | "retry" | "followUps" | "followUpsText" | InRow> {
  /** Pairs of a wait and how often it comes in a row. */
  readonly retry: readonly number[];
}

/** The spec that was written last: most tasks have the same but for the id of their request. */
let written: {
  readonly spec: Record<string, unknown>;
  readonly retry: RetrySchedule;
  /** What comes before the request's id, and after it. */
  readonly head: string;
  readonly tail: string;
  requestId: string | undefined;
  text: string;
} | undefined;

function specOf(task: NewTask): string {
  const { requestId, retry } = task;
  // By name: copying the rest of the task costs as much as storing the row.
  const spec: Record<Exclude<keyof Spec, keyof GivenFields | "retry" | "requestId">, unknown> = {
    channel: task.channel,
    lane: task.lane,
    timeoutMs: task.timeoutMs,
    onUnknown: task.onUnknown,
    retain: task.retain,
    batchId: task.batchId,
    parentId: task.parentId,
    owner: task.owner,
    traceparent: task.traceparent,
  };
  withGiven(spec, task);
  if (!written || written.retry !== retry || !haveSameValues(written.spec, spec)) {
    const head = JSON.stringify(spec).slice(0, -1);
    const tail = `,"retry":${JSON.stringify(packRetry(retry))}}`;
    written = { spec, retry, head, tail, requestId: undefined, text: head + tail };
  }
  if (written.requestId !== requestId) {
    const named = requestId === undefined ? "" : `,"requestId":${JSON.stringify(requestId)}`;
    written.requestId = requestId;
    written.text = written.head + named + written.tail;
  }
  return written.text;
}

function haveSameValues(one: Record<string, unknown>, other: Record<string, unknown>): boolean {
  for (const name in one) if (one[name] !== other[name]) return false;
  for (const name in other) if (!(name in one)) return false;
  return true;
}

/** The schedule that was packed last: most tasks have the default. */
let packedRetry: { schedule: RetrySchedule; packed: readonly number[] } | undefined;

function packRetry(schedule: RetrySchedule): readonly number[] {
  if (packedRetry?.schedule === schedule) return packedRetry.packed;
  const packed: number[] = [];
  for (const step of schedule) {
    if (packed.at(-2) === step) packed[packed.length - 1]!++;
    else packed.push(step, 1);
  }
  packedRetry = { schedule, packed };
  return packed;
}

/** The spec that was read last, with its retry schedule. */
let read: { text: string; spec: Spec; retry: RetrySchedule } | undefined;

/** Reads a spec, which must not be changed: claimed tasks of a batch have the same. */
function readOnce(text: string): { readonly spec: Spec; readonly retry: RetrySchedule } {
  if (read?.text !== text) {
    const spec: Spec = JSON.parse(text);
    read = { text, spec, retry: unpackRetry(spec) };
  }
  return read;
}

/** The retry schedule of a spec. */
export function unpackRetry({ retry }: Spec): RetrySchedule {
  const schedule: number[] = [];
  for (let at = 0; at < retry.length; at += 2) {
    for (let times = retry[at + 1] ?? 0; times > 0; times--) schedule.push(retry[at] ?? 0);
  }
  return schedule;
}

/** A damaged spec must not hide the task: what the row holds is still shown. */
function readSpec(row: Row, text: string | undefined): Spec {
  try {
    return JSON.parse(text ?? "");
  } catch {
    const given = Object.fromEntries(
      GIVEN_TEXTS.flatMap((name) => row[name] === null ? [] : [[name, row[name]]]),
    );
    return {
      channel: "",
      lane: row.lane,
      retry: [],
      timeoutMs: 0,
      onUnknown: "retry",
      ...given,
    };
  }
}

/** A longer payload is left out of what `findBrief` returns, in bytes or UTF-16 code units. */
export const MAX_BRIEF = 1_048_576;

/** The task without its bulky parts, and its retry schedule. */
export function summaryOf(row: Row, specText?: string): TaskSummary & { retry: RetrySchedule } {
  const { state, behind } = row;
  const waits = state === "queued" || state === "running";
  const spec = readSpec(row, specText);
  return {
    ...spec,
    id: row.id,
    type: row.type,
    lane: row.lane,
    priority: row.priority,
    retry: unpackRetry(spec),
    state,
    label: row.label,
    createdAt: row.createdAt,
    attempt: row.attempt,
    change: row.change,
    ...(waits ? { dueAt: row.dueAt } : {}),
    ...(row.expiresAt === null ? {} : { expiresAt: row.expiresAt }),
    ...(row.finishedAt === null ? {} : { finishedAt: row.finishedAt }),
    ...(row.reason === null ? {} : { reason: row.reason }),
    ...(row.delivery === null ? {} : { delivery: row.delivery }),
    ...(row.duplicate ? { possibleDuplicate: true as const } : {}),
    ...(row.error === null ? {} : { error: JSON.parse(row.error) }),
    ...(row.aborting === null ? {} : { aborting: true as const }),
    ...(row.source === null ? {} : { source: row.source }),
    ...cancellerOf(row),
    ...(behind && state === "queued"
      ? {
        behind: behind & BEHIND.pause
          ? "pause" as const
          : behind & BEHIND.key
          ? "key" as const
          : "batch" as const,
      }
      : {}),
  };
}

function cancellerOf({ state, reason, cancelledBy }: Row): { cancelledBy?: string } {
  if (state !== "cancelled") return {};
  if (cancelledBy !== null) return { cancelledBy };
  return reason === "shutdown" ? { cancelledBy: "SIGINT" } : {};
}

/** The fields of a row that a claim hands over. */
export type ClaimedRow = Pick<
  Row,
  | "id"
  | "type"
  | "lane"
  | "attempt"
  | "startedAt"
  | "dueAt"
  | "createdAt"
  | "expiresAt"
  | "duplicate"
>;

/** What a worker gets; `carry` is JSON text. */
export function claimedOf(
  row: ClaimedRow,
  specText: string,
  payload: JsonText,
  carry: string | null,
): ClaimedTask {
  const { spec, retry } = readOnce(specText);
  return {
    id: row.id,
    type: row.type,
    channel: spec.channel,
    lane: row.lane,
    payload,
    attempt: row.attempt,
    startedAt: row.startedAt ?? 0,
    dueAt: row.dueAt,
    createdAt: row.createdAt,
    retry,
    timeoutMs: spec.timeoutMs,
    onUnknown: spec.onUnknown,
    possibleDuplicate: row.duplicate,
    ...(row.expiresAt === null ? {} : { expiresAt: row.expiresAt }),
    ...(carry === null ? {} : { carry: JSON.parse(carry) as Json }),
    ...(spec.batchId === undefined ? {} : { batchId: spec.batchId }),
    ...(spec.requestId === undefined ? {} : { requestId: spec.requestId }),
    ...(spec.traceparent === undefined ? {} : { traceparent: spec.traceparent }),
  };
}

/** A task's latest change, for those who read what they have missed. */
export function changeOf(row: Row, batchId: string | undefined): TaskChange {
  return {
    id: row.id,
    type: row.type,
    state: row.state,
    attempt: row.attempt,
    at: row.finishedAt ?? Math.max(row.createdAt, row.startedAt ?? 0),
    change: row.change,
    ...(row.erase && isFinal(row.state) ? { erased: true } : {}),
    ...(batchId === undefined ? {} : { batchId }),
  };
}

/** A task as the end of its batch lists it. */
export function endedOf({ id, state, label, reason, error, source }: Row): EndedTask {
  return {
    id,
    state,
    label,
    ...(reason === null ? {} : { reason }),
    ...(error === null ? {} : { error: JSON.parse(error) }),
    ...(source === null ? {} : { source }),
  };
}

/** A batch as events change it. */
export interface BatchRow {
  /** The sequence number of its id. */
  readonly seq: number;
  readonly id: string;
  readonly createdAt: number;
  readonly owner: string | null;
  /** The generation of the queue in which it was accepted. */
  readonly generation: number;
  readonly total: number;
  /** Its tasks that are still stored, by state. */
  readonly counts: Counts;
  /** Sum of the bytes that its succeeded tasks fetched. */
  bytes: number;
  /** Whether something is to be made when it is done. */
  follows: boolean;
  /** The most of its tasks that run at once. */
  readonly concurrency: number | null;
  /** While it is inserted: how many more of its tasks need not wait for others of it. */
  seats?: number;
}

/** The row of a new batch, all of whose tasks are queued. */
export function newBatchRow(batch: NewBatch, total: number, generation: number): BatchRow {
  return {
    seq: sequenceOf(batch.id),
    id: batch.id,
    createdAt: batch.createdAt,
    owner: batch.owner ?? null,
    generation,
    total,
    counts: { ...noCounts(), queued: total },
    bytes: 0,
    follows: (batch.followUps?.length ?? 0) > 0,
    concurrency: batch.concurrency ?? null,
    seats: batch.concurrency ?? Infinity,
  };
}

/** A batch as callers see it; `marked` when a shutdown has cancelled what was queued in it. */
export function batchRecordOf(row: BatchRow, marked: boolean): BatchRecord {
  const { queued, cancelled } = row.counts;
  const counts = marked ? { ...row.counts, queued: 0, cancelled: cancelled + queued } : row.counts;
  return {
    id: row.id,
    createdAt: row.createdAt,
    ...(row.owner === null ? {} : { owner: row.owner }),
    total: row.total,
    counts: { ...counts },
    done: isDone(row, marked),
    bytes: row.bytes,
  };
}

/** Whether each task of the batch is final. */
export function isDone({ counts }: Pick<BatchRow, "counts">, marked: boolean): boolean {
  return counts.running === 0 && (marked || counts.queued === 0);
}
