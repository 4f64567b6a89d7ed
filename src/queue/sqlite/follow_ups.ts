/**
 * Making the tasks that follow an end, in the transaction that brings it about.
 *
 * @module
 */

import { type EndContext, followUpsOf, followUpsOfBatch } from "../../task/follow_up.ts";
import type { EndedTask } from "../../task/event_data.ts";
import type { FollowUp, NewTask } from "../../task/task.ts";
import { batchRecordOf } from "./file/batches.ts";
import { packTask } from "./codec.ts";
import { keep } from "./insert.ts";
import type { Ledger } from "./ledger.ts";
import { erase } from "./transitions.ts";
import { recordOf } from "./records.ts";
import { type Row, stateOf } from "./file/rows.ts";

/** Makes what follows the tasks and batches that have ended since the last time. */
export function follow(ledger: Ledger): void {
  if (ledger.ended.length === 0) return;
  const context = { ids: ledger.ids, now: ledger.now };
  for (const { row, batch } of ledger.ended.splice(0)) {
    const born = row.follows
      ? followUpsOf(recordOf(ledger, row), kept(ledger, row.seq), context)
      : [];
    for (const task of born) keep(ledger, packTask(task));
    if (row.follows && row.erase) erase(ledger, row.seq);
    if (batch !== undefined && row.reason !== "shutdown" && !ledger.closed) {
      for (const task of followBatch(ledger, batch, context)) keep(ledger, packTask(task));
    }
  }
  ledger.intake.flush();
}

/** A batch acts once: what follows it is forgotten with its first end. */
function followBatch(ledger: Ledger, seq: number, context: EndContext): NewTask[] {
  const batch = ledger.batches.get(seq);
  if (!batch?.follows) return [];
  const record = batchRecordOf(batch, ledger.isMarked(batch));
  if (!record.done) return [];
  const rows = ledger.sql.batchRows.all(seq) as unknown as Row[];
  const born = followUpsOfBatch(record, rows.map(endedOf), kept(ledger, seq), context);
  ledger.sql.dropFollowers.run(seq);
  ledger.sql.disarmBatch.run(seq);
  batch.follows = 0;
  return born;
}

function kept(ledger: Ledger, seq: number): FollowUp[] {
  const row = ledger.sql.followers.get(seq) as { followers: string } | undefined;
  return row ? JSON.parse(row.followers) : [];
}

function endedOf(row: Row): EndedTask {
  return {
    id: row.id,
    state: stateOf(row),
    label: row.label,
    ...(row.reason === null ? {} : { reason: row.reason }),
    ...(row.error === null ? {} : { error: JSON.parse(row.error) }),
  };
}
