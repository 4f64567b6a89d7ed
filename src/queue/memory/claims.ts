/**
 * Where claims wait until something is due, and are served in order.
 *
 * @module
 */

import type { Clock } from "../../lib/clock.ts";
import type { ClaimedTask } from "../../task/task.ts";
import { MAX_WAIT_MS, undelivered } from "../core/rules.ts";
import { follow } from "./follow_ups.ts";
import { comeForward, standsBack } from "./batch_concurrency.ts";
import { claimedOf, type StoredTask } from "./store.ts";
import type { Ledger } from "./ledger.ts";

interface Waiting {
  readonly limit: number;
  resolve(tasks: ClaimedTask[]): void;
}

/** Hands out what is due. */
export class Claims {
  #ledger: Ledger;
  #clock: Clock;
  #waiting = new Set<Waiting>();
  #undoWake = () => {};
  #wakeAt = Infinity;
  #shut = false;
  #closed = false;

  constructor(ledger: Ledger, clock: Clock) {
    this.#ledger = ledger;
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

  /** Serves who waits, as far as what is due reaches. */
  serve(): void {
    this.expire();
    if (!this.#shut) {
      for (const waiting of this.#waiting) {
        const tasks = this.#take(waiting.limit);
        if (tasks.length === 0) break;
        waiting.resolve(tasks);
      }
    }
    this.#wake();
  }

  /** Ends the tasks whose time is over, and makes what follows any end. */
  expire(): void {
    for (let kept = this.#ledger.firstExpired(); kept; kept = this.#ledger.firstExpired()) {
      kept.reason = "expired";
      kept.delivery = undelivered(kept.possibleDuplicate);
      this.#ledger.move(kept, "expire");
    }
    follow(this.#ledger);
  }

  /** From now on nothing is handed out. */
  shut(): void {
    this.#shut = true;
  }

  /** Sends away who waits, with nothing. */
  close(): void {
    this.#shut = this.#closed = true;
    this.#undoWake();
    for (const waiting of this.#waiting) waiting.resolve([]);
  }

  #take(limit: number): ClaimedTask[] {
    const { book } = this.#ledger;
    const now = this.#clock.now();
    const claimed: ClaimedTask[] = [];
    while (claimed.length < limit) {
      const turn = book.next(now);
      if (!turn) break;
      const most = Math.min(turn.room, limit - claimed.length);
      const before = claimed.length;
      let first = this.#ledger.first(turn.lane, turn.priority);
      while (first && first.dueAt <= turn.until && claimed.length - before < most) {
        if (!this.#ledger.joinKey(first)) {
          first.parked = true;
          if (first.batch) comeForward(this.#ledger, first.batch);
        } else if (!standsBack(first)) claimed.push(this.#begin(first, now));
        first = this.#ledger.first(turn.lane, turn.priority);
      }
      book.took(turn, claimed.length - before, first?.dueAt ?? Infinity, now);
    }
    return claimed;
  }

  #begin(kept: StoredTask, now: number): ClaimedTask {
    kept.attempt++;
    kept.startedAt = now;
    this.#ledger.move(kept, "claim");
    return claimedOf(kept);
  }

  /** Comes back when something falls due; what is due and was not taken waits for a claim instead. */
  #wake(): void {
    if (this.#closed) return;
    const now = this.#clock.now();
    const dueAt = this.#ledger.book.nextAt();
    const at = Math.min(this.#ledger.nextExpiry(), dueAt > now ? dueAt : Infinity);
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
