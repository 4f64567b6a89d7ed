/**
 * Forgetting what has been stored long enough.
 *
 * @module
 */

import type { Purged } from "../engine.ts";
import type { MemoryStorage } from "./storage.ts";

/** Forgets up to `limit` tasks that became final before then, up to as many older deliveries, and used keys. */
export function purge(storage: MemoryStorage, finishedBefore: number, limit: number): Purged {
  const { rows, deliveries, idempotency, now } = storage;
  for (const [name, { expiresAt }] of idempotency) if (expiresAt <= now) idempotency.delete(name);
  const received = deliveries.values()
    .filter(({ receivedAt }) => receivedAt < finishedBefore).take(limit).toArray();
  for (const [seq, delivery] of deliveries) if (received.includes(delivery)) deliveries.delete(seq);
  const old = rows.values()
    .filter(({ finishedAt }) => finishedAt !== null && finishedAt < finishedBefore)
    .take(limit).toArray();
  for (const row of old) storage.drop(row);
  return { deleted: old.length, isOver: old.length < limit && received.length < limit };
}
