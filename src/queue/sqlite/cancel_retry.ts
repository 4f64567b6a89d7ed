/**
 * What people want of tasks that are kept: cancel, revive, run now.
 *
 * @module
 */

import { compact } from "../../lib/compact.ts";
import type { CancelReason } from "../../task/outcome.ts";
import { next } from "../../task/state.ts";
import type { Cancelled, Changed, TaskFilter } from "../engine.ts";
import { allowing, revivedDueAt, undelivered } from "../core/rules.ts";
import type { Ledger } from "./ledger.ts";
import { matching } from "./lists.ts";
import { move, tell, write } from "./transitions.ts";
import { type Row, stateOf } from "./file/rows.ts";

/** Tasks that are changed in one transaction; the rest follows in the next. */
const CHANGED_AT_ONCE = 500;

/** How far a wish for many has come; `next` is where it goes on. */
export interface Progress {
  /** Tasks cancelled or revived. */
  readonly done: number;
  /** Running ones that are to be aborted. */
  readonly aborting: number;
  /** Absent at the end. */
  readonly next?: number;
}

/** Cancels a waiting task; notes that a running one is to be aborted. */
export function cancel(ledger: Ledger, id: string, reason: CancelReason): Cancelled {
  const row = ledger.row(id);
  return row ? cancelRow(ledger, row, reason) : "not_found";
}

function cancelRow(ledger: Ledger, row: Row, reason: CancelReason): Cancelled {
  switch (stateOf(row)) {
    case "queued":
      row.reason = reason;
      row.delivery = undelivered(row.duplicate === 1);
      move(ledger, row, "cancel");
      return "cancelled";
    case "running":
      if (row.aborting) return "aborting";
      row.aborting = reason;
      noteChange(ledger, row);
      return "aborting";
    default:
      return "too_late";
  }
}

/** Makes a final task queued again. One whose payload was erased stays as it is. */
export function revive(ledger: Ledger, id: string): Changed {
  const row = ledger.row(id);
  if (!row) return "not_found";
  return reviveRow(ledger, row) ? "changed" : "not_possible";
}

function reviveRow(ledger: Ledger, row: Row): boolean {
  if (!next(stateOf(row), "revive") || row.erase) return false;
  if (row.delivery === "unknown") row.duplicate = 1;
  row.due_at = revivedDueAt({ attempt: row.attempt, dueAt: row.due_at, now: ledger.now });
  row.attempt = 0;
  row.broken = 0;
  row.started_at = null;
  if (row.expires_at !== null && row.expires_at <= ledger.now) row.expires_at = null;
  move(ledger, row, "revive");
  return true;
}

/** Makes a waiting task due now; what else it waits for (a key, a held lane) it still waits for. */
export function runNow(ledger: Ledger, id: string): Changed {
  const row = ledger.row(id);
  if (!row) return "not_found";
  if (stateOf(row) !== "queued") return "not_possible";
  row.due_at = Math.min(row.due_at, ledger.now);
  noteChange(ledger, row);
  if (!row.parked) ledger.book.offer(ledger.lanes.name(row.lane), row.priority, row.due_at);
  return "changed";
}

function noteChange(ledger: Ledger, row: Row): void {
  row.change = ledger.nextChange(row.seq);
  write(ledger, row);
  tell(ledger, row);
}

/** Cancels the next of those that match, accepted before `before`. */
export function cancelSome(
  ledger: Ledger,
  filter: TaskFilter,
  reason: CancelReason,
  before: number,
): Progress {
  return forSome(
    ledger,
    allowing(filter, "cancel"),
    before,
    (row) => cancelRow(ledger, row, reason),
  );
}

/** Revives the next of those that match, accepted before `before`. */
export function reviveSome(ledger: Ledger, filter: TaskFilter, before: number): Progress {
  return forSome(
    ledger,
    allowing(filter, "revive"),
    before,
    (row) => reviveRow(ledger, row) ? "cancelled" : "too_late",
  );
}

function forSome(
  ledger: Ledger,
  filter: TaskFilter,
  before: number,
  wish: (row: Row) => Cancelled,
): Progress {
  if (filter.states?.length === 0) return { done: 0, aborting: 0 };
  const page = matching(ledger, filter, CHANGED_AT_ONCE, before);
  let done = 0;
  let aborting = 0;
  for (const seq of page.seqs) {
    const became = wish(ledger.rowOf(seq) as Row);
    if (became === "cancelled") done++;
    if (became === "aborting") aborting++;
  }
  return { done, aborting, ...compact({ next: page.next }) };
}
