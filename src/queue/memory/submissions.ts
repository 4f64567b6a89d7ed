/**
 * Keeping what was submitted: all of it or nothing.
 *
 * @module
 */

import { sequenceOf } from "../../lib/ids.ts";
import { EngineError, type Inserted, type Submission } from "../engine.ts";
import type { StoredTask } from "./store.ts";
import type { Ledger } from "./ledger.ts";
import type { Triggers } from "./triggers.ts";
import type { UsedKeys } from "./used_keys.ts";

/** What an engine in memory keeps. */
export interface Books {
  /** Tasks and batches. */
  readonly ledger: Ledger;
  /** Idempotency keys. */
  readonly used: UsedKeys;
  /** Schedules and deliveries. */
  readonly triggers: Triggers;
}

/** Keeps a submission; at most `maxQueued` tasks may then wait. */
export function insert(
  { ledger, used, triggers }: Books,
  submission: Submission,
  maxQueued: number,
): Inserted {
  if (ledger.closed) {
    throw new EngineError("Cannot keep tasks: a shutdown has cancelled what waits");
  }
  const { tasks, batch, idempotency, schedule, delivery } = submission;
  const known = idempotency && used.recall(idempotency, ledger.now());
  if (known) return known;
  if (tasks.length > 0 && ledger.counts.queued + tasks.length > maxQueued) {
    return { kind: "refused", code: "queue_full" };
  }
  for (const { id } of tasks) {
    if (ledger.tasks.has(id)) throw new EngineError(`Cannot keep task "${id}" twice`);
  }
  if (schedule && !triggers.isAsSeen(schedule)) return { kind: "stale" };
  if (batch) {
    const armed = (batch.followUps?.length ?? 0) > 0;
    const kept = {
      batch,
      total: tasks.length,
      tasks: new Set<StoredTask>(),
      armed,
      running: 0,
      bytes: 0,
    };
    const seats = batch.concurrency ?? Infinity;
    ledger.batches.set(batch.id, { ...kept, seats, bench: new Set() });
    ledger.noteId(batch.id);
  }
  for (const task of tasks) ledger.add(task, sequenceOf(task.id));
  if (delivery) {
    triggers.keep(delivery);
    ledger.noteId(delivery.id);
  }
  const id = delivery?.id ?? batch?.id ?? tasks[0]?.id ?? "";
  if (idempotency) used.keep(idempotency, id);
  if (!schedule) return { kind: "stored" };
  const version = ++ledger.change;
  triggers.change(schedule, version);
  return { kind: "stored", version };
}
