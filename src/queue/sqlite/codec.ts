/**
 * What crosses to the queue's thread and back for every task, as short lists: a
 * structured clone pays for each name of an object, and twice as much for what
 * is nested as for its JSON, which is what the file holds anyway.
 *
 * @module
 */

import type { JsonText } from "../../lib/json.ts";
import type { Settlement } from "../../task/outcome.ts";
import type { ClaimedTask, NewTask } from "../../task/task.ts";
import { claimedOf, type Content, contentOf, newRow, type Row } from "../core/row.ts";
import { bytesOf, type Settled, textOf } from "../core/settled.ts";
import type { StoredSubmission } from "../core/submissions.ts";
import type { Submission } from "../engine.ts";
import { type Body, givenValuesOf, newRowFrom, type Values } from "./file/rows.ts";

/** A new task. */
export type PackedTask = readonly [
  row: Values,
  spec: string,
  payload: JsonText,
  tags: Content["tags"],
  followUps: Content["followUps"],
];

/** A submission with its tasks packed. */
export interface PackedSubmission extends Omit<Submission, "tasks"> {
  /** In the order of their ids. */
  readonly tasks: readonly PackedTask[];
  /** The number under which the tasks before these were sent. */
  readonly upload?: number;
}

/** Packs a submission. */
export function packSubmission(submission: Submission): PackedSubmission {
  return { ...submission, tasks: submission.tasks.map(packTask) };
}

/** What packing a task and sending it costs, in about microseconds, beside its texts of 200 characters a microsecond. */
const TASK_COST = 6;
/** What one portion may cost, about: other work on the event loop waits for it. */
const PORTION_COST = 5_000;

/** Packs tasks in portions, each of which takes the event loop for a short time only. */
export function* packInPortions(tasks: readonly NewTask[]): Generator<PackedTask[]> {
  let portion: PackedTask[] = [];
  let cost = 0;
  for (const task of tasks) {
    const packed = packTask(task);
    portion.push(packed);
    cost += costOf(packed);
    if (cost < PORTION_COST) continue;
    yield portion;
    portion = [];
    cost = 0;
  }
  yield portion;
}

/** Bytes are handed over, which costs nothing. */
function costOf([, spec, payload, , followUps = ""]: PackedTask): number {
  const letters = typeof payload === "string" ? payload.length : 0;
  return TASK_COST + (spec.length + letters + followUps.length) / 200;
}

/** Unpacks a submission. */
export function unpackSubmission(packed: PackedSubmission): StoredSubmission {
  return { ...packed, tasks: packed.tasks.map(unpackTask) };
}

function packTask(task: NewTask): PackedTask {
  const { spec, payload, tags, followUps } = contentOf(task);
  return [givenValuesOf(newRow(task)), spec, payload, tags, followUps];
}

function unpackTask([row, spec, payload, tags, followUps]: PackedTask) {
  return { row: newRowFrom(row), content: { spec, payload, tags, followUps } };
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
  rest: Partial<Settled> | undefined,
];

/** Packs a settlement. Copying it twice, by way of `settledOf`, would double the cost. */
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
  id: Row["id"],
  type: Row["type"],
  lane: Row["lane"],
  attempt: Row["attempt"],
  startedAt: Row["startedAt"],
  dueAt: Row["dueAt"],
  createdAt: Row["createdAt"],
  expiresAt: Row["expiresAt"],
  duplicate: Row["duplicate"],
  spec: string,
  payload: JsonText,
  carry: string | null,
];

/** Packs a task that has just been claimed. */
export function packClaim(row: Row, body: Body, carry: string | null): PackedClaim {
  const { id, type, lane, attempt, startedAt, dueAt, createdAt, expiresAt, duplicate } = row;
  const { spec, payload } = body;
  return [
    id,
    type,
    lane,
    attempt,
    startedAt,
    dueAt,
    createdAt,
    expiresAt,
    duplicate,
    spec,
    payload ?? "",
    carry,
  ];
}

/** Unpacks a task that has been claimed. */
export function unpackClaim(packed: PackedClaim): ClaimedTask {
  const [id, type, lane, attempt, startedAt, dueAt, createdAt, expiresAt, duplicate, ...rest] =
    packed;
  const row = { id, type, lane, attempt, startedAt, dueAt, createdAt, expiresAt, duplicate };
  return claimedOf(row, ...rest);
}

/** Where the payload of a `PackedClaim` is. */
const CLAIM_PAYLOAD = 9;
/** Where the payload of a `PackedTask` is. */
const TASK_PAYLOAD = 2;

/** The memory of long payloads in commands or in their results, which is handed over instead of copied. */
export function buffersOf(
  messages: readonly {
    readonly do?: string;
    readonly with?: readonly unknown[];
    readonly value?: unknown;
  }[],
): ArrayBuffer[] {
  const buffers: ArrayBuffer[] = [];
  const add = (payload: unknown) => {
    if (payload instanceof Uint8Array) buffers.push(payload.buffer as ArrayBuffer);
  };
  for (const { do: name, with: args, value } of messages) {
    if (name === "insert") {
      buffers.push(...buffersOfTasks((args?.[0] as PackedSubmission).tasks));
    } else if (Array.isArray(value)) {
      for (const item of value) if (Array.isArray(item)) add(item[CLAIM_PAYLOAD]);
    } else if (typeof value === "object" && value !== null) {
      add((value as { payload?: unknown }).payload);
    }
  }
  return buffers;
}

/** The same of tasks. */
export function buffersOfTasks(tasks: readonly PackedTask[]): ArrayBuffer[] {
  return tasks.flatMap((task) => {
    const payload = task?.[TASK_PAYLOAD];
    return payload instanceof Uint8Array ? [payload.buffer] : [];
  });
}
