/**
 * Keeping what was submitted: all of it or nothing.
 *
 * @module
 */

import { sequenceOf } from "../../lib/ids.ts";
import { EngineError, type Idempotency, type Inserted } from "../engine.ts";
import type { PackedSubmission } from "./codec.ts";
import { keep } from "./insert.ts";
import type { Ledger } from "./ledger.ts";
import { changeSchedule, keepDelivery } from "./triggers.ts";

/** Keeps a submission; at most `maxQueued` tasks may then wait. */
export function insert(ledger: Ledger, submission: PackedSubmission, maxQueued: number): Inserted {
  if (ledger.closed) {
    throw new EngineError("Cannot keep tasks: a shutdown has cancelled what waits");
  }
  const { tasks, batch, idempotency, schedule, delivery } = submission;
  const known = idempotency && recall(ledger, idempotency);
  if (known) return known;
  if (tasks.length > 0 && (ledger.counts[0] ?? 0) + tasks.length > maxQueued) {
    return { kind: "refused", code: "queue_full" };
  }
  const version = schedule && changeSchedule(ledger, schedule);
  if (schedule && version === undefined) return { kind: "stale" };
  if (batch) {
    const seq = sequenceOf(batch.id);
    ledger.batches.insert(seq, batch, ledger.era, tasks.length);
    ledger.last = Math.max(ledger.last, seq);
  }
  for (const task of tasks) keep(ledger, task);
  if (delivery) keepDelivery(ledger, delivery);
  if (idempotency) {
    const { scope, key, fingerprint, expiresAt } = idempotency;
    const id = delivery?.id ?? batch?.id ?? tasks[0]?.[0] ?? "";
    ledger.sql.setIdempotency.run(scope, key, fingerprint, id, expiresAt);
    ledger.sql.purgeIdempotency.run(ledger.now);
  }
  ledger.touch();
  return version === undefined ? { kind: "stored" } : { kind: "stored", version };
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
