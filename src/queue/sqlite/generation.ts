/**
 * Cancelling everything that waits at once, and tidying up afterwards.
 *
 * A mark begins a new era: one row of one table. Whatever is queued from an
 * earlier era reads as cancelled from then on; the rows are rewritten after
 * the next start, some at a time.
 *
 * @module
 */

import { batchRecordOf } from "./file/batches.ts";
import { isFinal } from "../../task/state.ts";
import type { Ledger } from "./ledger.ts";
import { erase, tell } from "./transitions.ts";
import { type Row, STATE, stateOf } from "./file/rows.ts";

/** Rows rewritten in one transaction. */
const SWEPT_AT_ONCE = 1_000;

/** Sets a mark; resolves with how many tasks waited. Those that are watched one by one are told of. */
export function cancelWaiting(ledger: Ledger): number {
  const waited = ledger.counts[STATE.queued] ?? 0;
  ledger.era++;
  ledger.sweeping = true;
  ledger.markAt = ledger.now;
  ledger.counts[STATE.cancelled]! += waited;
  ledger.counts[STATE.queued] = 0;
  ledger.change++;
  ledger.book.clear();
  ledger.nextExpiry = Infinity;
  ledger.touchEra();
  for (const word of ledger.watched) tellMarked(ledger, word);
  return waited;
}

/** Tells of a watched task, or of the last task of a watched batch, that has become final by the mark. */
function tellMarked(ledger: Ledger, word: string): void {
  const row = ledger.row(word) ?? lastOfBatch(ledger, word);
  if (!row || row.reason !== "shutdown" || row.era >= ledger.era) return;
  if (!isFinal(stateOf(row))) return;
  row.change = ledger.change;
  tell(ledger, row);
}

function lastOfBatch(ledger: Ledger, id: string): Row | undefined {
  const batch = ledger.batchOf(id);
  if (!batch || !batchRecordOf(batch, ledger.isMarked(batch)).done) return undefined;
  const last = ledger.sql.lastOfBatch.get(batch.seq, ledger.era) as { seq: number } | undefined;
  return last && ledger.rowOf(last.seq);
}

/** Rewrites the next rows that a mark has cancelled; resolves with whether any are left. */
export function sweep(ledger: Ledger): boolean {
  if (!ledger.sweeping || ledger.closed) return false;
  const rows = ledger.sql.marked.all(ledger.era, SWEPT_AT_ONCE) as unknown as Row[];
  for (const { seq, batch, erase: erased } of rows) {
    ledger.sql.sweep.run(ledger.markAt, ledger.nextChange(seq), seq);
    if (erased) erase(ledger, seq);
    if (batch !== null) ledger.batches.move(batch, STATE.queued, STATE.cancelled);
  }
  if (rows.length < SWEPT_AT_ONCE) ledger.sweeping = false;
  ledger.touchEra();
  return ledger.sweeping;
}
