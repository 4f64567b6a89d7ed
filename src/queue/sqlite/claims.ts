/**
 * Handing out what is due.
 *
 * @module
 */

import type { Turn } from "../lanes/lane_scheduler.ts";
import { undelivered } from "../core/rules.ts";
import { BENCHED, comeForward, isCrowded } from "./batch_concurrency.ts";
import { joinKey } from "./keys.ts";
import type { Ledger } from "./ledger.ts";
import { packClaim, type PackedClaim } from "./codec.ts";
import { move } from "./transitions.ts";
import { type Body, bodyFrom, isIntact, type Row, rowFrom } from "./file/rows.ts";

/** Rows looked at in one go. */
const GLANCE = 16;

/** Takes up to `limit` tasks that are due; each attempt is counted. */
export function claim(ledger: Ledger, limit: number): PackedClaim[] {
  const claimed: PackedClaim[] = [];
  if (ledger.closed) return claimed;
  while (claimed.length < limit) {
    const turn = ledger.book.next(ledger.now);
    if (!turn) break;
    takeTurn(ledger, turn, Math.min(limit - claimed.length, turn.room), claimed);
  }
  return claimed;
}

function takeTurn(ledger: Ledger, turn: Turn, most: number, claimed: PackedClaim[]): void {
  const lane = ledger.lanes.id(turn.lane);
  const { priority, until } = turn;
  const due = ledger.sql.due.all(ledger.era, lane, priority, until, Math.min(most, GLANCE));
  const before = claimed.length;
  for (const values of due as unknown as Parameters<typeof rowFrom>[0][]) {
    const task = take(ledger, rowFrom(values), bodyFrom(values));
    if (task) claimed.push(task);
  }
  const head = ledger.sql.head.get(ledger.era, lane, priority) as { due_at: number } | undefined;
  ledger.book.took(turn, claimed.length - before, head?.due_at ?? Infinity, ledger.now);
}

/** Begins an attempt; nothing comes of a task that is too late, behind others, or damaged. */
function take(ledger: Ledger, row: Row, body: Body | undefined): PackedClaim | undefined {
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
  row.attempt++;
  row.started_at = ledger.now;
  move(ledger, row, "claim");
  if (!isIntact(body)) {
    fail(ledger, row);
    return undefined;
  }
  const kept = row.listed > 0
    ? ledger.sql.carry.get(row.seq) as { carry: string | null } | undefined
    : undefined;
  return packClaim(row, body, kept?.carry);
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
