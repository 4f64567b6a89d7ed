/**
 * No more tasks of a batch at once than it allows: the others stand back until
 * one of them has run.
 *
 * @module
 */

import type { BatchRow } from "./file/batches.ts";
import type { Ledger } from "./ledger.ts";
import type { Row } from "./file/rows.ts";
import { STATE } from "./file/rows.ts";

/** What `parked` says of a task that stands behind others of its batch. */
export const BENCHED = 2;

/** Looked at for one that can begin at once. */
const GLANCE = 32;

/** Whether a task has to stand back because enough of its batch run. */
export function isCrowded(ledger: Ledger, row: Row): boolean {
  const batch = row.batch === null ? undefined : ledger.batches.get(row.batch);
  return batch !== undefined && batch.most !== null &&
    (batch.counts[STATE.running] ?? 0) >= batch.most;
}

/** Whether a task that is being kept has to stand back: the first few of its batch need not. */
export function standsBack(batch: BatchRow | undefined): boolean {
  if (!batch || batch.most === null || batch.seats === undefined) return false;
  return --batch.seats < 0;
}

/**
 * Lets the next of a batch come forward: the first accepted whose lane is open.
 * One too many is no harm, it stands back again; one too few would be for ever.
 */
export function comeForward(ledger: Ledger, batch: BatchRow): void {
  if (batch.most === null || (batch.counts[STATE.running] ?? 0) >= batch.most) return;
  ledger.intake.flush();
  const rows = ledger.sql.bench.all(batch.seq, ledger.era, GLANCE) as unknown as {
    seq: number;
    lane: number;
    priority: number;
    due_at: number;
  }[];
  const isOpen = (lane: number) => ledger.book.isOpen(ledger.lanes.name(lane), ledger.now);
  const row = rows.find(({ lane }) => isOpen(lane)) ?? rows[0];
  if (!row) return;
  ledger.sql.park.run(0, row.seq);
  ledger.book.offer(ledger.lanes.name(row.lane), row.priority, row.due_at);
}
