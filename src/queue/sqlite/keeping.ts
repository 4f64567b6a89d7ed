/**
 * Writing a new task down, whoever asks for it.
 *
 * @module
 */

import { sequenceOf } from "../../lib/ids.ts";
import type { NewTask } from "../../task/task.ts";
import { BENCHED, standsBack } from "./bench.ts";
import { joinKey } from "./keys.ts";
import type { Ledger } from "./ledger.ts";
import { tell } from "./moves.ts";
import { checksumOf, type Row, specOf, STATE } from "./rows.ts";

/**
 * Keeps a new task. One that is made after a shutdown mark, by the end of
 * what still ran, is cancelled by that mark like all that waits.
 */
export function keep(ledger: Ledger, task: NewTask): void {
  const { sql, closed } = ledger;
  const seq = sequenceOf(task.id);
  const row = {
    seq,
    id: task.id,
    type: task.type,
    state: STATE.queued,
    attempt: 0,
    lane: ledger.lanes.id(task.lane),
    priority: task.priority,
    due_at: task.dueAt,
    key: task.key ?? null,
    batch: task.batchId === undefined ? null : sequenceOf(task.batchId),
    aborting: null,
    change: ++ledger.change,
  } as Row;
  row.parked = row.key !== null && !closed && !joinKey(ledger, row) ? 1 : 0;
  if (!row.parked && row.batch !== null && row.due_at <= ledger.now) {
    row.parked = standsBack(ledger.batches.get(row.batch)) ? BENCHED : 0;
  }
  const spec = specOf(task);
  const values = [
    seq,
    task.id,
    task.type,
    closed ? ledger.era - 1 : ledger.era,
    row.lane,
    task.priority,
    row.parked,
    task.dueAt,
    task.retain === "none" ? 1 : 0,
    task.followers?.length ? 1 : 0,
    task.createdAt,
    task.expiresAt ?? null,
    row.key,
    row.batch,
    task.parentId === undefined ? null : sequenceOf(task.parentId),
    task.owner ?? null,
    task.label,
    row.change,
  ];
  ledger.intake.add(values, [seq, checksumOf(spec, task.payload), spec, task.payload]);
  for (const tag of task.tags ?? []) sql.insertTag.run(tag, seq);
  if (task.followers?.length) sql.insertFollowers.run(seq, JSON.stringify(task.followers));
  ledger.last = Math.max(ledger.last, seq);
  ledger.count(undefined, closed ? STATE.cancelled : STATE.queued);
  if (closed) return;
  if (!row.parked) ledger.book.offer(task.lane, task.priority, task.dueAt);
  if (task.expiresAt !== undefined) {
    ledger.nextExpiry = Math.min(ledger.nextExpiry, task.expiresAt);
  }
  tell(ledger, row);
}
