/**
 * Claims that wait, served from the places in which something is due.
 *
 * One round at a time: lock up to eight lanes, take what is due in them within
 * their limits, run the lifecycle, commit.
 *
 * @module
 */

import type { Clock } from "../../lib/clock.ts";
import type { ClaimedTask } from "../../task/task.ts";
import { MAX_WAIT_MS } from "../core/rules.ts";
import type { Hints, Place } from "./hints.ts";

/** With more lanes one node locks all of them, and the others find none. */
const MAX_LANES = 8;
/** How soon a round is tried again after the database failed it: doubled up to the maximum. */
const AGAIN_MS = 200;
const MAX_AGAIN_MS = 5_000;

/** What one round has found. */
export interface Round {
  readonly tasks: ClaimedTask[];
}

/** What claims need. */
export interface ClaimerParts {
  readonly clock: Clock;
  readonly hints: Hints;
  /** The engine's time, in milliseconds since the epoch. */
  readonly now: () => number;
  /** In [0, 1): spreads tries over time. */
  readonly random: () => number;
  /** Takes up to `limit` tasks from these places, and corrects the hints. */
  readonly round: (places: readonly Place[], limit: number) => Promise<ClaimedTask[]>;
}

interface Waiter {
  readonly limit: number;
  readonly signal: AbortSignal;
  readonly answer: PromiseWithResolvers<ClaimedTask[]>;
}

/** Serves claims in the order in which they came. */
export class Claimer {
  readonly #parts: ClaimerParts;
  #waiters: Waiter[] = [];
  #round: Promise<void> | undefined;
  #serving: Waiter | undefined;
  #undoTimer: () => void = () => {};
  #againMs = 0;
  #closed = false;

  constructor(parts: ClaimerParts) {
    this.#parts = parts;
  }

  claim(limit: number, signal: AbortSignal): Promise<ClaimedTask[]> {
    if (signal.aborted || this.#closed) return Promise.resolve([]);
    const waiter = { limit, signal, answer: Promise.withResolvers<ClaimedTask[]>() };
    this.#waiters.push(waiter);
    // A round that serves it hands over what it has claimed all the same.
    signal.addEventListener("abort", () => {
      if (waiter !== this.#serving) this.#answer(waiter, []);
    }, { once: true });
    this.kick();
    return waiter.answer.promise;
  }

  /** Looks for work: something may have become due. */
  kick(): void {
    if (this.#round || this.#closed) return;
    this.#round = this.#serve().finally(() => this.#round = undefined);
  }

  /** Runs `work` while no round is under way, and holds back the next until it has ended. */
  async between(work: () => Promise<void>): Promise<void> {
    await this.idle();
    if (this.#closed) return;
    const round = work();
    this.#round = round.catch(() => {}).finally(() => this.#round = undefined);
    await round;
    this.kick();
  }

  /** Resolves when no round is under way. */
  async idle(): Promise<void> {
    while (this.#round) await this.#round;
  }

  /** Lets all claims go with nothing, after the round that is under way. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#undoTimer();
    await this.idle();
    for (const waiter of this.#waiters) this.#answer(waiter, []);
  }

  async #serve(): Promise<void> {
    const { hints, now, round } = this.#parts;
    this.#undoTimer();
    // A round is begun by whoever asks: that one's own work comes first.
    await undefined;
    for (;;) {
      const waiter = this.#waiters[0];
      if (!waiter || this.#closed) return;
      const places = hints.due(now(), MAX_LANES);
      if (places.length === 0) return this.#wakeAt(hints.nextAt());
      this.#serving = waiter;
      let tasks: ClaimedTask[] = [];
      try {
        tasks = await round(places, waiter.limit);
        this.#againMs = 0;
      } catch {
        // What was claimed without an answer is handed back at the next heartbeat.
        this.#againMs = Math.min(MAX_AGAIN_MS, this.#againMs * 2 || AGAIN_MS);
      } finally {
        this.#serving = undefined;
      }
      if (tasks.length > 0 || waiter.signal.aborted) this.#answer(waiter, tasks);
      if (this.#againMs > 0) {
        return this.#wakeAt(now() + this.#againMs * (0.5 + this.#parts.random()));
      }
    }
  }

  #answer(waiter: Waiter, tasks: ClaimedTask[]): void {
    this.#waiters = this.#waiters.filter((one) => one !== waiter);
    waiter.answer.resolve(tasks);
  }

  #wakeAt(at: number): void {
    if (at === Infinity || this.#closed) return;
    const delayMs = Math.min(Math.max(0, at - this.#parts.now()), MAX_WAIT_MS);
    this.#undoTimer = this.#parts.clock.after(delayMs, () => this.kick());
  }
}
