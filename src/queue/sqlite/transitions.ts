/**
 * The one way in which a task goes from a state to another.
 *
 * @module
 */

import { isFinal, next, type TaskEvent } from "../../task/state.ts";
import { EngineError } from "../engine.ts";
import { isWatched } from "../core/watchers.ts";
import { comeForward } from "./batch_concurrency.ts";
import { type BatchRow, isDone } from "./file/batches.ts";
import { joinKey, leaveKey } from "./keys.ts";
import type { Ledger } from "./ledger.ts";
import { checksumOf, type Row, STATE, stateOf } from "./file/rows.ts";

/**
 * Takes a task through an event and writes its row down. The caller has set
 * what goes with the event; what every event brings about happens here.
 */
export function move(ledger: Ledger, row: Row, event: TaskEvent): void {
  const from = stateOf(row);
  const to = next(from, event);
  if (!to) throw new EngineError(`Cannot ${event} task "${row.id}": it is ${from}`);
  row.state = STATE[to];
  row.change = ledger.nextChange(row.seq);
  row.era = ledger.era;
  row.parked = 0;
  if (to !== "running") row.aborting = null;
  if (isFinal(to)) {
    row.finished_at ??= ledger.now;
    // What follows may tell of the result, and erases it then.
    if (row.erase && !row.follows) erase(ledger, row.seq);
  }
  if (to === "queued") {
    row.finished_at = row.reason = row.delivery = null;
    if (row.key !== null && !joinKey(ledger, row)) row.parked = 1;
    if (row.expires_at !== null) ledger.nextExpiry = Math.min(ledger.nextExpiry, row.expires_at);
  }
  write(ledger, row);
  if (row.key !== null && isFinal(to)) leaveKey(ledger, row);
  const lane = ledger.lanes.name(row.lane);
  if (from === "running") ledger.book.freed(lane);
  if (to === "queued" && !row.parked) ledger.book.offer(lane, row.priority, row.due_at);
  ledger.count(STATE[from], row.state);
  const batch = row.batch === null
    ? undefined
    : ledger.batches.move(row.batch, STATE[from], row.state);
  if (batch && to !== "running") comeForward(ledger, batch);
  if (isFinal(to) && (row.follows || batch?.follows)) {
    ledger.ended.push({ row: { ...row }, batch: row.batch ?? undefined });
  }
  tell(ledger, row, batch);
}

/** Writes the row down as it is. */
export function write(ledger: Ledger, row: Row): void {
  ledger.sql.write.run(
    row.state,
    row.era,
    row.parked,
    row.due_at,
    row.attempt,
    row.listed,
    row.broken,
    row.duplicate,
    row.started_at,
    row.expires_at,
    row.finished_at,
    row.reason,
    row.delivery,
    row.aborting,
    row.error,
    row.change,
    row.seq,
  );
  ledger.keepRunning(row);
}

/** Erases payload and result, and writes zeros over them. */
export function erase(ledger: Ledger, seq: number): void {
  const body = ledger.sql.body.get(seq) as { spec: string } | undefined;
  if (body) ledger.sql.erasePayload.run(checksumOf(body.spec, null), seq);
  ledger.sql.eraseResult.run(seq);
}

/** Notes a change for whoever watches. */
export function tell(
  ledger: Ledger,
  row: Row,
  batch?: BatchRow,
  abort = row.aborting ?? undefined,
): void {
  const { watched, changes } = ledger;
  if (watched.size === 0) return;
  const of = batch ?? (row.batch === null ? undefined : ledger.batches.get(row.batch));
  const { id, type, attempt, change } = row;
  const state = stateOf(row);
  if (!isWatched(watched, { id, state, batchId: of?.id, abort })) return;
  const done = of && isFinal(state) && isDone(of, ledger.isMarked(of));
  changes.push({
    id,
    type,
    state,
    attempt,
    at: ledger.now,
    change,
    ...(of ? { batchId: of.id } : {}),
    ...(done ? { batchDone: true } : {}),
    ...(abort ? { abort } : {}),
  });
}
