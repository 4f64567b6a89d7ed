/**
 * What is sent to the queue's thread and back for every task, as flat lists: a
 * structured clone takes time for each object and each name in it, and nested values
 * take twice as long as their JSON, which is what the file holds anyway.
 *
 * @module
 */

import type { JsonText } from "../../lib/json.ts";
import type { Settlement } from "../../task/outcome.ts";
import type { ClaimedTask, NewTask } from "../../task/task.ts";
import {
  claimedOf,
  type ClaimedRow,
  type Content,
  contentOf,
  newRow,
  type Row,
} from "../core/row.ts";
import { bytesOf, type Settled, textOf } from "../core/settled.ts";
import type { StoredSubmission } from "../core/submissions.ts";
import type { TaskChange } from "../change.ts";
import type { Submission } from "../engine.ts";
import { type Body, GIVEN_SIZE, newRowFrom, pushGiven } from "./file/rows.ts";

/** Values of one thing after the other; each takes as many as its `…_SIZE` says. */
export type FlatList = readonly unknown[];

/** The values of a new task: those of `pushGiven`, spec, payload, tags, follow-ups. */
export const TASK_SIZE: number = GIVEN_SIZE + 4;

/** Appends a new task to a list. */
export function packTask(list: unknown[], task: NewTask): void {
  const { spec, payload, tags, followUps } = contentOf(task);
  pushGiven(list, newRow(task), task.lane);
  list.push(spec, payload, tags, followUps);
}

/** Reads the new task that begins at `at`. */
export function unpackTask(
  list: FlatList,
  at: number,
): { readonly row: Row; readonly content: Content } {
  const [spec, payload, tags, followUps] = list.slice(at + GIVEN_SIZE, at + TASK_SIZE) as [
    string,
    JsonText,
    Content["tags"],
    Content["followUps"],
  ];
  return { row: newRowFrom(list, at), content: { spec, payload, tags, followUps } };
}

/** A submission with its tasks packed. */
export interface PackedSubmission extends Omit<Submission, "tasks"> {
  /** In the order of their ids. */
  readonly tasks: FlatList;
  /** The number under which the tasks before these were sent. */
  readonly upload?: number;
}

/** Packs a submission. */
export function packSubmission(submission: Submission): PackedSubmission {
  const tasks: unknown[] = [];
  for (const task of submission.tasks) packTask(tasks, task);
  return { ...submission, tasks };
}

/** Unpacks a submission. */
export function unpackSubmission(packed: PackedSubmission): StoredSubmission {
  const tasks = [];
  for (let at = 0; at < packed.tasks.length; at += TASK_SIZE) {
    tasks.push(unpackTask(packed.tasks, at));
  }
  return { ...packed, tasks };
}

/** What packing and sending a task costs, in about microseconds, in addition to its texts (200 characters a microsecond). */
const TASK_COST = 6;
/** What one portion may cost, about: other work on the event loop waits for it. */
const PORTION_COST = 5_000;

/** Packs tasks in portions, each of which takes the event loop for a short time only. */
export function* packInPortions(tasks: readonly NewTask[]): Generator<FlatList> {
  let portion: unknown[] = [];
  let cost = 0;
  for (const task of tasks) {
    const from = portion.length;
    packTask(portion, task);
    cost += costOf(portion, from);
    if (cost < PORTION_COST) continue;
    yield portion;
    portion = [];
    cost = 0;
  }
  yield portion;
}

/** Bytes are handed over, which costs nothing. */
function costOf(list: FlatList, from: number): number {
  let letters = 0;
  for (let at = from; at < list.length; at++) {
    const value = list[at];
    if (typeof value === "string") letters += value.length;
  }
  return TASK_COST + letters / 200;
}

/** The values of a settlement: those of `packSettlement`. */
export const SETTLEMENT_SIZE = 11;

/** Appends a settlement to a list, without `settledOf`: a second copy would double the cost. */
export function packSettlement(list: unknown[], settlement: Settlement): void {
  const { id, attempt, event, at, delivery, record, result, carry, ...rest } = settlement;
  list.push(
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
    isEmpty(rest) ? undefined : rest,
  );
}

/** Reads the settlement that begins at `from`. */
export function unpackSettlement(list: FlatList, from: number): Settled {
  const [id, attempt, event, at, delivery, record, error, result, carry, bytes, rest] = list
    .slice(from, from + SETTLEMENT_SIZE) as [
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
  const settled = { id, attempt, event, at, record, error, result, carry, bytes, ...rest };
  return delivery === undefined ? settled : { ...settled, delivery };
}

/** A task that was claimed, with what was read along with its row; `carry` is JSON text. */
export interface HandedOver {
  readonly row: ClaimedRow;
  readonly body: Body;
  readonly carry: string | null;
}

/** The values of a claimed task: those of `packClaims`. */
const CLAIM_SIZE = 12;

/** Packs tasks that have just been claimed. */
export function packClaims(tasks: readonly HandedOver[]): FlatList {
  const list: unknown[] = [];
  for (const { row, body: { spec, payload }, carry } of tasks) {
    const { id, type, lane, attempt, startedAt, dueAt, createdAt, expiresAt, duplicate } = row;
    list.push(
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
    );
  }
  return list;
}

/** Unpacks tasks that have been claimed. */
export function unpackClaims(list: FlatList): ClaimedTask[] {
  const tasks: ClaimedTask[] = [];
  for (let at = 0; at < list.length; at += CLAIM_SIZE) {
    const [id, type, lane, attempt, startedAt, dueAt, createdAt, expiresAt, duplicate, ...rest] =
      list.slice(at, at + CLAIM_SIZE) as [
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
    const row = { id, type, lane, attempt, startedAt, dueAt, createdAt, expiresAt, duplicate };
    tasks.push(claimedOf(row, ...rest));
  }
  return tasks;
}

/** The values of a change: those of `packChanges`. */
const CHANGE_SIZE = 8;

/** Packs changes. */
export function packChanges(changes: readonly TaskChange[]): FlatList {
  const list: unknown[] = [];
  for (const { id, type, state, attempt, at, change, batchId, ...rest } of changes) {
    list.push(id, type, state, attempt, at, change, batchId, isEmpty(rest) ? undefined : rest);
  }
  return list;
}

/** Unpacks changes. */
export function* unpackChanges(list: FlatList): Generator<TaskChange> {
  for (let from = 0; from < list.length; from += CHANGE_SIZE) {
    const [id, type, state, attempt, at, change, batchId, rest] = list
      .slice(from, from + CHANGE_SIZE) as [
        id: string,
        type: TaskChange["type"],
        state: TaskChange["state"],
        attempt: number,
        at: number,
        change: number,
        batchId: string | undefined,
        rest: Partial<TaskChange> | undefined,
      ];
    const required = { id, type, state, attempt, at, change, ...rest };
    yield batchId === undefined ? required : { ...required, batchId };
  }
}

function isEmpty(members: object): boolean {
  for (const _ in members) return false;
  return true;
}

/** The memory of long payloads in lists, which is handed over instead of copied. */
export function buffersIn(list: FlatList): ArrayBuffer[] {
  const buffers: ArrayBuffer[] = [];
  for (const value of list) {
    if (typeof value === "object" && value instanceof Uint8Array) {
      buffers.push(value.buffer as ArrayBuffer);
    }
  }
  return buffers;
}

/** The same for commands or their results. */
export function buffersOf(
  messages: readonly {
    readonly with?: readonly unknown[];
    readonly value?: unknown;
  }[],
): ArrayBuffer[] {
  const buffers: ArrayBuffer[] = [];
  for (const { with: [first] = [], value = first } of messages) {
    if (typeof value !== "object" || value === null) continue;
    const { tasks = value, payload } = value as { tasks?: unknown; payload?: unknown };
    if (Array.isArray(tasks)) buffers.push(...buffersIn(tasks));
    if (payload instanceof Uint8Array) buffers.push(payload.buffer as ArrayBuffer);
  }
  return buffers;
}
