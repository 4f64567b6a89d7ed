/**
 * Forgetting what has been kept long enough.
 *
 * @module
 */

import type { Purged } from "../engine.ts";
import type { Books } from "./submissions.ts";

/** Forgets tasks that became final before then, at most so many, and what is as old. */
export function purge(
  { ledger, used, triggers }: Books,
  finishedBefore: number,
  limit: number,
): Purged {
  used.forget(ledger.now());
  const deliveries = triggers.purge(finishedBefore, limit);
  const old = ledger.tasks.values()
    .filter(({ finishedAt = Infinity }) => finishedAt < finishedBefore).take(limit).toArray();
  for (const kept of old) ledger.drop(kept);
  return { deleted: old.length, isOver: old.length < limit && deliveries < limit };
}
