/**
 * What crosses to the thread and back for every task, as short lists: a
 * structured clone pays for each name of an object, and for what is nested
 * twice as much as for its JSON, which is what the file holds anyway.
 *
 * @module
 */

import { compact } from "../../lib/compact.ts";
import type { Settlement } from "../../task/outcome.ts";
import type { ClaimedTask, Json, NewTask, TaskType } from "../../task/task.ts";
import type { Submission } from "../engine.ts";
import { bytesOf } from "../core/rules.ts";
import { type Body, type Row, type Spec, specOf, unpackRetry } from "./file/rows.ts";

/** A new task. */
export type PackedTask = readonly [
  id: string,
  type: TaskType,
  lane: string,
  priority: number,
  dueAt: number,
  createdAt: number,
  label: string,
  spec: string,
  payload: string,
  erase: boolean,
  expiresAt: number | undefined,
  key: string | undefined,
  batchId: string | undefined,
  parentId: string | undefined,
  owner: string | undefined,
  tags: readonly string[] | undefined,
  followers: string | undefined,
];

/** A submission with its tasks packed. */
export interface PackedSubmission extends Omit<Submission, "tasks"> {
  /** In the order of their ids. */
  readonly tasks: readonly PackedTask[];
}

/** Packs a submission. */
export function packSubmission(submission: Submission): PackedSubmission {
  return { ...submission, tasks: submission.tasks.map(packTask) };
}

/** Packs a new task. */
export function packTask(task: NewTask): PackedTask {
  return [
    task.id,
    task.type,
    task.lane,
    task.priority,
    task.dueAt,
    task.createdAt,
    task.label,
    specOf(task),
    task.payload,
    task.retain === "none",
    task.expiresAt,
    task.key,
    task.batchId,
    task.parentId,
    task.owner,
    task.tags,
    task.followUps?.length ? JSON.stringify(task.followUps) : undefined,
  ];
}

/** A settlement whose bulky parts are JSON texts. */
export interface Settled extends Omit<Settlement, "record" | "result" | "carry"> {
  /** The attempt's record. */
  readonly record: string | undefined;
  /** The record's error. */
  readonly error: string | undefined;
  /** What the attempt brought back. */
  readonly result: string | undefined;
  /** For the next attempt. */
  readonly carry: string | undefined;
  /** What it brought back for good. */
  readonly bytes: number;
}

/** A settlement. */
export type PackedSettlement = readonly [
  id: string,
  attempt: number,
  event: Settlement["event"],
  at: number,
  delivery: Settlement["delivery"],
  record: string | undefined,
  error: string | undefined,
  result: string | undefined,
  carry: string | undefined,
  bytes: number,
  rest:
    | Pick<Settlement, "dueAt" | "reason" | "possibleDuplicate" | "adaptiveLimit" | "hold">
    | undefined,
];

/** Packs a settlement. */
export function packSettlement(settlement: Settlement): PackedSettlement {
  const { id, attempt, event, at, delivery, record, result, carry, ...rest } = settlement;
  return [
    id,
    attempt,
    event,
    at,
    delivery,
    textOf(record),
    textOf(record?.error),
    textOf(result),
    textOf(carry),
    bytesOf(settlement),
    Object.keys(rest).length > 0 ? rest : undefined,
  ];
}

/** Unpacks a settlement. */
export function unpackSettlement(packed: PackedSettlement): Settled {
  const [id, attempt, event, at, delivery, record, error, result, carry, bytes, rest] = packed;
  const settled = { id, attempt, event, at, record, error, result, carry, bytes, ...rest };
  return delivery === undefined ? settled : { ...settled, delivery };
}

/** A claimed task. */
export type PackedClaim = readonly [
  id: string,
  type: TaskType,
  attempt: number,
  startedAt: number,
  dueAt: number,
  createdAt: number,
  expiresAt: number | null,
  possibleDuplicate: boolean,
  spec: string,
  payload: string,
  carry: string | null,
];

/** Packs a task that has just been claimed. */
export function packClaim(row: Row, body: Body, carry: string | null | undefined): PackedClaim {
  return [
    row.id,
    row.type,
    row.attempt,
    row.started_at ?? 0,
    row.due_at,
    row.created_at,
    row.expires_at,
    row.duplicate === 1,
    body.spec,
    body.payload ?? "",
    carry ?? null,
  ];
}

/** Unpacks a task that has been claimed. */
export function unpackClaim(packed: PackedClaim): ClaimedTask {
  const [
    id,
    type,
    attempt,
    startedAt,
    dueAt,
    createdAt,
    expiresAt,
    possibleDuplicate,
    specText,
    payload,
    carry,
  ] = packed;
  const spec: Spec = JSON.parse(specText);
  return {
    id,
    type,
    channel: spec.channel,
    lane: spec.lane,
    payload,
    attempt,
    startedAt,
    dueAt,
    createdAt,
    retry: unpackRetry(spec),
    timeoutMs: spec.timeoutMs,
    onUnknown: spec.onUnknown,
    possibleDuplicate,
    ...(expiresAt === null ? {} : { expiresAt }),
    ...(carry === null ? {} : { carry: JSON.parse(carry) as Json }),
    ...compact({ batchId: spec.batchId, requestId: spec.requestId, traceparent: spec.traceparent }),
  };
}

function textOf(value: unknown): string | undefined {
  return value === undefined ? undefined : JSON.stringify(value);
}
