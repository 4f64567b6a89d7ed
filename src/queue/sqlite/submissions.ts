/**
 * Keeping what was submitted: all of it or nothing.
 *
 * @module
 */

import { sequenceOf } from "../../lib/ids.ts";
import type { NewTask } from "../../task/task.ts";
import { EngineError, type Idempotency, type Inserted, type Submission } from "../engine.ts";
import { joinKey } from "./keys.ts";
import type { Ledger } from "./ledger.ts";
import { tell } from "./moves.ts";
import { checksumOf, type Row, specOf, STATE } from "./rows.ts";

/** Keeps a submission; at most `maxQueued` tasks may then wait. */
export function insert(ledger: Ledger, submission: Submission, maxQueued: number): Inserted {
  if (ledger.closed) {
    throw new EngineError("Cannot keep tasks: a shutdown has cancelled what waits");
  }
  const { tasks, batch, idempotency } = submission;
  const known = idempotency && recall(ledger, idempotency);
  if (known) return known;
  if ((ledger.counts[0] ?? 0) + tasks.length > maxQueued) {
    return { kind: "refused", code: "queue_full" };
  }
  if (batch) {
    const seq = sequenceOf(batch.id);
    ledger.batches.insert(seq, batch, ledger.era, tasks.length);
    ledger.last = Math.max(ledger.last, seq);
  }
  for (const task of tasks) keep(ledger, task);
  if (idempotency) {
    const { scope, key, fingerprint, expiresAt } = idempotency;
    const id = batch?.id ?? tasks[0]?.id ?? "";
    ledger.sql.setIdempotency.run(scope, key, fingerprint, id, expiresAt);
    ledger.sql.purgeIdempotency.run(ledger.now);
  }
  ledger.touch();
  return { kind: "stored" };
}

function recall(ledger: Ledger, { scope, key, fingerprint }: Idempotency): Inserted | undefined {
  const known = ledger.sql.idempotency.get(scope, key) as
    | { fingerprint: string; id: string; expires_at: number }
    | undefined;
  if (!known || known.expires_at <= ledger.now) return undefined;
  return known.fingerprint === fingerprint
    ? { kind: "replayed", id: known.id }
    : { kind: "conflict" };
}

function keep(ledger: Ledger, task: NewTask): void {
  const { sql } = ledger;
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
  row.parked = row.key !== null && !joinKey(ledger, row) ? 1 : 0;
  const spec = specOf(task);
  const values = [
    seq,
    task.id,
    task.type,
    ledger.era,
    row.lane,
    task.priority,
    row.parked,
    task.dueAt,
    task.retain === "none" ? 1 : 0,
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
  if (!row.parked) ledger.book.offer(task.lane, task.priority, task.dueAt);
  if (task.expiresAt !== undefined) {
    ledger.nextExpiry = Math.min(ledger.nextExpiry, task.expiresAt);
  }
  ledger.last = Math.max(ledger.last, seq);
  ledger.count(undefined, STATE.queued);
  tell(ledger, row);
}
