/**
 * Handing out what is due.
 *
 * @module
 */

import type { ClaimedTask } from "../../task/task.ts";
import type { Turn } from "../lanes.ts";
import { undelivered } from "../rulings.ts";
import { BENCHED, comeForward, isCrowded } from "./bench.ts";
import { joinKey } from "./keys.ts";
import type { Ledger } from "./ledger.ts";
import { move } from "./moves.ts";
import { type Body, claimedOf, isIntact, type Row } from "./rows.ts";

/** Rows looked at in one go. */
const GLANCE = 16;

/** Takes up to `limit` tasks that are due; each attempt is counted. */
export function claim(ledger: Ledger, limit: number): ClaimedTask[] {
  const claimed: ClaimedTask[] = [];
  if (ledger.closed) return claimed;
  while (claimed.length < limit) {
    const turn = ledger.book.next(ledger.now);
    if (!turn) break;
    takeTurn(ledger, turn, Math.min(limit - claimed.length, turn.room), claimed);
  }
  return claimed;
}

function takeTurn(ledger: Ledger, turn: Turn, most: number, claimed: ClaimedTask[]): void {
  const lane = ledger.lanes.id(turn.lane);
  const wanted = Math.min(most, GLANCE);
  const rows = ledger.sql.waiting.all(ledger.era, lane, turn.priority, wanted + 1) as unknown as {
    seq: number;
    due_at: number;
  }[];
  const before = claimed.length;
  let seen = 0;
  let head = Infinity;
  for (const { seq, due_at } of rows) {
    if (seen === wanted || due_at > turn.until) {
      head = due_at;
      break;
    }
    seen++;
    const task = take(ledger, ledger.rowOf(seq) as Row);
    if (task) claimed.push(task);
  }
  const taken = claimed.length - before;
  // What was passed over may have let others of its key go.
  if (taken < seen) head = headOf(ledger, lane, turn.priority);
  ledger.book.took(turn, taken, head, ledger.now);
}

function headOf(ledger: Ledger, lane: number, priority: number): number {
  const first = ledger.sql.waiting.get(ledger.era, lane, priority, 1) as
    | { due_at: number }
    | undefined;
  return first?.due_at ?? Infinity;
}

/** Begins an attempt; nothing comes of a task that is too late, behind others, or damaged. */
function take(ledger: Ledger, row: Row): ClaimedTask | undefined {
  if (row.expires_at !== null && row.expires_at <= ledger.now) {
    expire(ledger, row);
    return undefined;
  }
  if (row.key !== null && !joinKey(ledger, row)) {
    ledger.sql.park.run(1, row.seq);
    const batch = row.batch === null ? undefined : ledger.batches.get(row.batch);
    if (batch) comeForward(ledger, batch);
    return undefined;
  }
  if (isCrowded(ledger, row)) {
    ledger.sql.park.run(BENCHED, row.seq);
    return undefined;
  }
  const body = ledger.sql.body.get(row.seq) as unknown as Body | undefined;
  row.attempt++;
  row.started_at = ledger.now;
  move(ledger, row, "claim");
  if (!isIntact(body)) {
    fail(ledger, row);
    return undefined;
  }
  const kept = row.listed > 0
    ? ledger.sql.result.get(row.seq) as { carry: string | null } | undefined
    : undefined;
  return claimedOf(row, body, kept?.carry);
}

/** Ends a task whose time is over. */
export function expire(ledger: Ledger, row: Row): void {
  row.reason = "expired";
  row.delivery = undelivered(row.duplicate === 1);
  move(ledger, row, "expire");
}

function fail(ledger: Ledger, row: Row): void {
  row.reason = "damaged";
  row.delivery = undelivered(row.duplicate === 1);
  row.error = JSON.stringify({
    code: "damaged",
    detail: "What was kept of this task cannot be read any more; it was not sent.",
  });
  // The book counts it as running only once its turn is over.
  ledger.book.started(ledger.lanes.name(row.lane));
  move(ledger, row, "fail");
}

/** Tasks that expire in one transaction; the rest follows in the next. */
const EXPIRED_AT_ONCE = 500;

/** Ends those whose time is over, as many as do not keep others waiting. */
export function expireDue(ledger: Ledger): void {
  if (ledger.nextExpiry > ledger.now || ledger.closed) return;
  const rows = ledger.sql.expiring.all(ledger.era, ledger.now, EXPIRED_AT_ONCE) as unknown as Row[];
  for (const { seq } of rows) expire(ledger, ledger.rowOf(seq) as Row);
  ledger.findExpiry();
}
