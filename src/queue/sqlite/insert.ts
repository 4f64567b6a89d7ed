/**
 * Writing a new task down, whoever asks for it.
 *
 * @module
 */

import { sequenceOf } from "../../lib/ids.ts";
import { BENCHED, standsBack } from "./batch_concurrency.ts";
import type { PackedTask } from "./codec.ts";
import { joinKey } from "./keys.ts";
import type { Ledger } from "./ledger.ts";
import { tell } from "./transitions.ts";
import { checksumOf, type Row, STATE } from "./file/rows.ts";

/**
 * Keeps a new task. One that is made after a shutdown mark, by the end of
 * what still ran, is cancelled by that mark like all that waits.
 */
export function keep(ledger: Ledger, task: PackedTask): void {
  const [
    id,
    type,
    lane,
    priority,
    dueAt,
    createdAt,
    label,
    spec,
    payload,
    erase,
    expiresAt,
    key,
    batchId,
    parentId,
    owner,
    tags,
    followers,
  ] = task;
  const { sql, closed } = ledger;
  const seq = sequenceOf(id);
  const row = {
    seq,
    id,
    type,
    state: STATE.queued,
    attempt: 0,
    lane: ledger.lanes.id(lane),
    priority,
    due_at: dueAt,
    key: key ?? null,
    batch: batchId === undefined ? null : sequenceOf(batchId),
    aborting: null,
    change: ledger.nextChange(seq),
  } as Row;
  row.parked = row.key !== null && !closed && !joinKey(ledger, row) ? 1 : 0;
  if (!row.parked && row.batch !== null && dueAt <= ledger.now) {
    row.parked = standsBack(ledger.batches.get(row.batch)) ? BENCHED : 0;
  }
  const values = [
    seq,
    id,
    type,
    closed ? ledger.era - 1 : ledger.era,
    row.lane,
    priority,
    row.parked,
    dueAt,
    erase ? 1 : 0,
    followers === undefined ? 0 : 1,
    createdAt,
    expiresAt ?? null,
    row.key,
    row.batch,
    parentId === undefined ? null : sequenceOf(parentId),
    owner ?? null,
    label,
    row.change,
  ];
  ledger.intake.add(values, [seq, checksumOf(spec, payload), spec, payload]);
  for (const tag of tags ?? []) sql.insertTag.run(tag, seq);
  if (followers !== undefined) sql.insertFollowers.run(seq, followers);
  ledger.last = Math.max(ledger.last, seq);
  ledger.count(undefined, closed ? STATE.cancelled : STATE.queued);
  if (closed) return;
  if (!row.parked) ledger.book.offer(lane, priority, dueAt);
  if (expiresAt !== undefined) ledger.nextExpiry = Math.min(ledger.nextExpiry, expiresAt);
  tell(ledger, row);
}
