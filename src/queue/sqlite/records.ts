/**
 * Reading batches, schedules and deliveries; the history; sessions.
 *
 * @module
 */

import { forgottenBefore, type HistoryPart } from "../../task/history.ts";
import { TASK_STATES, type TaskState } from "../../task/state.ts";
import type { DeliverySummary, StoredDelivery, StoredSchedule } from "../../task/trigger.ts";
import { isId, sequenceOf } from "../../lib/ids.ts";
import { findBatchRow } from "../core/commands.ts";
import { batchRecordOf, type BatchRow } from "../core/row.ts";
import type { BatchTask } from "../change.ts";
import { type BatchPage, formatCursor } from "../cursor.ts";
import type { DeliveryPage, EndedSession } from "../engine.ts";
import type { SqliteStorage } from "./storage.ts";

/** Batches that were submitted before that number, newest first. */
export function listBatches(
  storage: SqliteStorage,
  limit: number,
  before: number,
  owner: string | undefined,
): BatchPage {
  const rows = storage.sql.batches.all(before, owner ?? null, limit + 1) as { seq: number }[];
  const batches = rows.slice(0, limit).map(({ seq }) => {
    const batch = storage.batch(seq) as BatchRow;
    return batchRecordOf(batch, storage.isMarked(batch));
  });
  const last = rows.length > limit ? rows[limit - 1] : undefined;
  return last ? { batches, nextCursor: formatCursor(last.seq) } : { batches };
}

/** The states of a batch's tasks, in the order of submission. */
export function batchTasks(storage: SqliteStorage, id: string): BatchTask[] {
  const batch = findBatchRow(storage, id);
  if (!batch) return [];
  const rows = storage.sql.batchTasks.all(
    batch.seq,
  ) as (Omit<BatchTask, "state"> & { state: number; era: number })[];
  return rows.map((row) => ({
    id: row.id,
    state: storage.isMarkedRow(row) ? "cancelled" : TASK_STATES[row.state] as TaskState,
    change: row.change,
  }));
}

/** All schedules, by name. */
export function schedules({ sql }: SqliteStorage): StoredSchedule[] {
  const rows = sql.schedules.all() as { name: string; version: number; record: string }[];
  return rows.map((row) => ({ ...row, record: JSON.parse(row.record) }));
}

interface DeliveryRow {
  readonly seq: number;
  readonly id: string;
  readonly hook: string;
  readonly received_at: number;
  readonly verdict: string;
  readonly content: string;
}

/** Deliveries of a hook, newest first. */
export function deliveries(
  { sql }: SqliteStorage,
  hook: string,
  limit: number,
  before: number,
): DeliveryPage {
  const rows = sql.deliveries.all(hook, before, limit + 1) as unknown as DeliveryRow[];
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  return {
    deliveries: page.map(deliverySummaryOf),
    ...(rows.length > limit && last ? { nextCursor: formatCursor(last.seq) } : {}),
  };
}

/** The delivery with all that is stored of it. */
export function findDelivery({ sql }: SqliteStorage, id: string): StoredDelivery | undefined {
  if (!isId("hkd", id)) return undefined;
  const row = sql.delivery.get(sequenceOf(id)) as unknown as DeliveryRow | undefined;
  return row?.id === id ? { ...deliverySummaryOf(row), content: row.content } : undefined;
}

function deliverySummaryOf({ id, hook, received_at, verdict }: DeliveryRow): DeliverySummary {
  return { id, hook, receivedAt: received_at, verdict: JSON.parse(verdict) };
}

/** Stores counts of the past. */
export function writeHistory({ sql }: SqliteStorage, parts: readonly HistoryPart[]): void {
  for (const part of parts) {
    sql.writeHistory.run(part.stepMs, part.at, part.run, part.tally);
    sql.forgetHistory.run(part.stepMs, forgottenBefore(part));
  }
}

/** Stores that a session was signed out. */
export function endSession({ sql, now }: SqliteStorage, id: string, until: number): void {
  sql.forgetSessions.run(now);
  sql.endSession.run(id, until);
}

/** The sessions that were signed out and would not have ended yet. */
export function endedSessions({ sql, now }: SqliteStorage): EndedSession[] {
  return sql.endedSessions.all(now).map(({ id, until }) => ({
    id: String(id),
    until: Number(until),
  }));
}

/** The counts of steps of this length. */
export function history({ sql }: SqliteStorage, stepMs: number, since: number): HistoryPart[] {
  return sql.history.all(stepMs, since) as unknown as HistoryPart[];
}
