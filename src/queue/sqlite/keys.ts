/**
 * One task of a key at a time, in the order of acceptance.
 *
 * A key is held by the task that was taken on first, until that is final, also
 * while it waits for its next attempt. Others of the key are parked meanwhile;
 * one that waits for its own time joins when that has come.
 *
 * @module
 */

import type { Ledger } from "./ledger.ts";
import type { Row } from "./file/rows.ts";

/**
 * Takes the key when it is free; `false` when the task has to be parked. A task
 * that is not due yet and does not hold the key leaves it alone.
 */
export function joinKey(ledger: Ledger, row: Row): boolean {
  const key = row.key as string;
  const holder = ledger.sql.holder.get(key) as { seq: number; era: number } | undefined;
  if (holder?.seq === row.seq) return true;
  // A shutdown mark has cancelled holders of earlier eras, all but those that run.
  const held = holder !== undefined && (holder.era === ledger.era || isRunning(ledger, holder.seq));
  if (row.due_at > ledger.now) return true;
  if (!held) ledger.sql.setHolder.run(key, row.seq, ledger.era);
  return !held;
}

/** Lets the key go when this task, which is final, holds it: the next of the key is taken on. */
export function leaveKey(ledger: Ledger, row: Row): void {
  const key = row.key as string;
  if (ledger.sql.dropHolder.run(key, row.seq).changes === 0) return;
  ledger.intake.flush();
  const turn = ledger.sql.nextOfKey.get(key, ledger.era, ledger.now) as { seq: number } | undefined;
  const heir = turn && ledger.rowOf(turn.seq);
  if (!heir) return;
  ledger.sql.setHolder.run(key, heir.seq, ledger.era);
  ledger.sql.park.run(0, heir.seq);
  ledger.book.offer(ledger.lanes.name(heir.lane), heir.priority, heir.due_at);
}

function isRunning(ledger: Ledger, seq: number): boolean {
  return ledger.rowOf(seq)?.state === 1;
}
