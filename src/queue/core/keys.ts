/**
 * Keys: one task of a key at a time, in the order of acceptance. API keys do not
 * share them: the same key of two owners is two keys.
 *
 * The task that comes first holds the key until it is final, also while it
 * waits for its next attempt. Others of the key wait behind it. A task that
 * waits for its own time neither takes the key nor waits behind it; it joins
 * when its time has come.
 *
 * @module
 */

import { BEHIND, type Row } from "./row.ts";
import type { Storage } from "./storage.ts";

/** The name under which a key is held: a key belongs to its owner. */
export function keyName({ owner, key }: Pick<Row, "owner" | "key">): string {
  return `${owner ?? ""}/${key}`;
}

/** Takes the key if it is free; `false` when the task has to wait behind its holder. */
export function joinKey(storage: Storage, row: Row): boolean {
  const holder = storage.keyHolder(row);
  if (holder?.seq === row.seq) return true;
  if (row.dueAt > storage.now) return true;
  // A shutdown has cancelled holders of earlier generations, except those that were running.
  const isHeld = holder !== undefined && (
    holder.generation === storage.generation || storage.row(holder.seq)?.state === "running"
  );
  if (!isHeld) storage.holdKey(row);
  return !isHeld;
}

/** Passes the key on to the next of its tasks when this one, which is final, holds it. */
export function leaveKey(storage: Storage, row: Row): void {
  if (!storage.dropKey(row)) return;
  const heir = storage.nextOfKey(row);
  if (!heir) return;
  storage.holdKey(heir);
  heir.behind &= ~BEHIND.key;
  storage.writeBehind(heir);
  if (heir.behind === 0) storage.offer(heir);
}
