/**
 * Claims that wait until something is due, and what wakes them.
 *
 * @module
 */

import type { Clock } from "../../lib/clock.ts";
import type { ClaimedTask } from "../../task/task.ts";
import { claim } from "../core/claims.ts";
import { makeFollowUps } from "../core/follow_ups.ts";
import { expire } from "../core/lifecycle.ts";
import { pauseTask, resumeTask } from "../core/pauses.ts";
import { MAX_WAIT_MS } from "../core/rules.ts";
import type { MemoryStorage } from "./storage.ts";

/** Sets and clears the bits of pauses, and ends pauses whose time is over. */
export function applyPausesTo(storage: MemoryStorage): void {
  const { pauses, now } = storage;
  if (pauses.nextEnd <= now) {
    pauses.set(pauses.list().filter(({ until = Infinity }) => until > now));
  }
  for (const row of storage.rows.values()) {
    if (pauses.cover(row)) pauseTask(storage, row);
    else resumeTask(storage, row);
  }
}

interface Waiting {
  readonly limit: number;
  resolve(tasks: ClaimedTask[]): void;
}

/** Hands out what is due. */
export class Claims {
  #storage: MemoryStorage;
  #clock: Clock;
  #waiting = new Set<Waiting>();
  #undoWake = () => {};
  #wakeAt = Infinity;
  #closed = false;

  constructor(storage: MemoryStorage, clock: Clock) {
    this.#storage = storage;
    this.#clock = clock;
  }

  /** Resolves as soon as something is due, or with none once the signal aborts. */
  claim(limit: number, signal: AbortSignal): Promise<ClaimedTask[]> {
    if (signal.aborted) return Promise.resolve([]);
    return new Promise((resolve) => {
      const waiting: Waiting = {
        limit,
        resolve: (tasks) => {
          this.#waiting.delete(waiting);
          signal.removeEventListener("abort", withdraw);
          resolve(tasks);
        },
      };
      const withdraw = () => waiting.resolve([]);
      signal.addEventListener("abort", withdraw, { once: true });
      this.#waiting.add(waiting);
      queueMicrotask(() => this.serve());
    });
  }

  /** Serves the claims that wait, in their order, until nothing is due. */
  serve(): void {
    this.expire();
    if (this.#closed) return;
    for (const waiting of this.#waiting) {
      const tasks = claim(this.#storage, waiting.limit);
      if (tasks.length === 0) break;
      waiting.resolve(tasks);
    }
    makeFollowUps(this.#storage);
    this.#wake();
  }

  /** Ends the tasks whose time is over, and makes what follows any end. */
  expire(): void {
    if (this.#storage.pauses.nextEnd <= this.#storage.now) applyPausesTo(this.#storage);
    for (let row = this.#storage.firstExpired(); row; row = this.#storage.firstExpired()) {
      expire(this.#storage, row);
    }
    makeFollowUps(this.#storage);
  }

  /** Resolves the claims that wait with nothing. */
  close(): void {
    this.#closed = true;
    this.#undoWake();
    for (const waiting of this.#waiting) waiting.resolve([]);
  }

  /** Comes back when something falls due; what is due and was not taken waits for a claim instead. */
  #wake(): void {
    const now = this.#clock.now();
    const dueAt = this.#storage.scheduler.nextAt();
    const at = Math.min(
      this.#storage.nextExpiry(),
      this.#storage.pauses.nextEnd,
      dueAt > now ? dueAt : Infinity,
    );
    if (at === this.#wakeAt) return;
    this.#undoWake();
    this.#wakeAt = at;
    this.#undoWake = at === Infinity
      ? () => {}
      : this.#clock.after(Math.min(at - now, MAX_WAIT_MS), () => {
        this.#wakeAt = Infinity;
        this.serve();
      });
  }
}
