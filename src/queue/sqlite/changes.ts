/**
 * What has changed since somebody last looked.
 *
 * @module
 */

import type { TaskChange } from "../engine.ts";
import type { Ledger } from "./ledger.ts";
import { type Row, stateOf } from "./rows.ts";

/** Tasks changed after that change, each once, in the order of their latest changes. */
export function changesAfter(ledger: Ledger, change: number, limit: number): TaskChange[] {
  const rows = ledger.sql.changed.all(change, limit) as unknown as Row[];
  return rows.map((stored) => {
    const row = ledger.asMarked(stored);
    const batch = row.batch === null ? undefined : ledger.batches.get(row.batch);
    return {
      id: row.id,
      type: row.type,
      state: stateOf(row),
      attempt: row.attempt,
      at: row.finished_at ?? Math.max(row.created_at, row.started_at ?? 0),
      change: row.change,
      ...(batch ? { batchId: batch.id } : {}),
    };
  });
}
