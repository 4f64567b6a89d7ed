/**
 * Pauses, as the lifecycle applies them.
 *
 * A paused task has the bit `BEHIND.pause`, so that claims never read it. A new
 * pause takes effect at once, because a claim checks the pauses; the bits of the
 * tasks that are queued already are set in portions, and cleared in portions when
 * a pause ends. A pause of everything sets no bits: the scheduler is not asked.
 *
 * @module
 */

import { type Pause, pauseCovers } from "../pause.ts";
import { releaseNext } from "./batch_concurrency.ts";
import { BEHIND, type Row } from "./row.ts";
import type { Storage } from "./storage.ts";

/** The pauses that are in force. */
export class Pauses {
  #pauses: readonly Pause[] = [];
  /** Whether each lane is paused by its host. */
  #lanes = new Map<string, boolean>();
  /** Whether a pause covers everything. */
  all = false;
  /** When the first of them ends by itself, in milliseconds since the epoch; infinity for never. */
  nextEnd = Infinity;

  /** Replaces all of them. */
  set(pauses: readonly Pause[]): void {
    this.#pauses = pauses;
    this.#lanes.clear();
    this.all = pauses.some(({ all }) => all);
    this.nextEnd = Math.min(Infinity, ...pauses.map(({ until = Infinity }) => until));
  }

  /** In the order of their ids. */
  list(): readonly Pause[] {
    return this.#pauses;
  }

  /** Whether one that is not of everything covers the task. */
  cover(row: Row): boolean {
    if (this.#pauses.length === 0) return false;
    let ofLane = this.#lanes.get(row.lane);
    if (ofLane === undefined) {
      ofLane = this.#pauses.some((pause) => pause.host !== undefined && pauseCovers(pause, row));
      this.#lanes.set(row.lane, ofLane);
    }
    return ofLane ||
      this.#pauses.some((pause) => !pause.all && !pause.host && pauseCovers(pause, row));
  }
}

/** Marks a queued task as paused. Reads its batch and the waiting tasks of the batch. */
export function pauseTask(storage: Storage, row: Row): void {
  if (row.state !== "queued" || row.behind & BEHIND.pause) return;
  storage.uncountQueued(row);
  row.behind |= BEHIND.pause;
  storage.countQueued(row);
  storage.writeBehind(row);
  // Another of its batch may run in its place.
  const batch = row.batch === null ? undefined : storage.batch(row.batch);
  if (batch) releaseNext(storage, batch);
}

/** Ends the pause of a task that no pause covers any more. */
export function resumeTask(storage: Storage, row: Row): void {
  if (row.state !== "queued" || !(row.behind & BEHIND.pause) || storage.pauses.cover(row)) return;
  storage.uncountQueued(row);
  row.behind &= ~BEHIND.pause;
  storage.countQueued(row);
  storage.writeBehind(row);
  // A claim checks key and batch.
  if (row.behind === 0) storage.offer(row);
}
