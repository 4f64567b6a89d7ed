/**
 * What workers and people want of one task: settle, cancel, revive, run now.
 *
 * @module
 */

import type { CancelReason, Settlement } from "../../task/outcome.ts";
import { next } from "../../task/state.ts";
import type { Cancelled } from "../engine.ts";
import { bytesOf, overrule, revivedDueAt, undelivered } from "../core/rules.ts";
import type { StoredTask } from "./store.ts";
import type { Ledger } from "./ledger.ts";

/** Writes a settlement down; `false` when the task is no longer at that attempt. */
export function settle(ledger: Ledger, given: Settlement): boolean {
  const kept = ledger.tasks.get(given.id);
  if (!kept || kept.state !== "running" || kept.attempt !== given.attempt) return false;
  const cancelled = kept.aborting ?? (ledger.closed ? "shutdown" : undefined);
  const s = overrule(given, cancelled, kept.possibleDuplicate);
  if (s.record) {
    kept.attempts.push(s.record);
    kept.error = s.record.error;
  }
  if (given.event === "release") kept.attempt--;
  else kept.result = s.result;
  if (s.carry !== undefined) kept.carry = s.carry;
  if (s.possibleDuplicate) kept.possibleDuplicate = true;
  if (s.dueAt !== undefined) kept.dueAt = s.dueAt;
  if (s.adaptiveLimit !== undefined) {
    ledger.book.set(kept.task.lane, { adaptiveLimit: s.adaptiveLimit });
  }
  if (s.hold) ledger.book.set(kept.task.lane, { heldUntil: s.hold.until, reason: s.hold.reason });
  kept.reason = s.reason;
  kept.delivery = s.delivery;
  kept.finishedAt = s.at;
  ledger.move(kept, s.event);
  if (kept.batch) kept.batch.bytes += bytesOf(s);
  return true;
}

/** Cancels a waiting task; notes that a running one is to be aborted. */
export function cancel(ledger: Ledger, kept: StoredTask, reason: CancelReason): Cancelled {
  switch (kept.state) {
    case "queued":
      kept.reason = reason;
      kept.delivery = undelivered(kept.possibleDuplicate);
      ledger.move(kept, "cancel");
      return "cancelled";
    case "running":
      if (kept.aborting === undefined) {
        kept.aborting = reason;
        ledger.note(kept);
      }
      return "aborting";
    default:
      return "too_late";
  }
}

/** Makes a final task queued again. One whose payload was erased stays as it is. */
export function revive(ledger: Ledger, kept: StoredTask): boolean {
  if (!next(kept.state, "revive") || kept.task.retain === "none") return false;
  const now = ledger.now();
  if (kept.delivery === "unknown") kept.possibleDuplicate = true;
  kept.dueAt = revivedDueAt({ attempt: kept.attempt, dueAt: kept.dueAt, now });
  kept.attempt = 0;
  if (kept.expiresAt !== undefined && kept.expiresAt <= now) kept.expiresAt = undefined;
  ledger.move(kept, "revive");
  return true;
}

/** Makes a waiting task due now; what else it waits for (a key, a held lane) it still waits for. */
export function runNow(ledger: Ledger, kept: StoredTask): void {
  kept.dueAt = Math.min(kept.dueAt, ledger.now());
  ledger.place(kept);
  ledger.note(kept);
}
