/**
 * Serves waiting claims from the lanes in which tasks are due.
 *
 * Runs one round at a time: lock up to eight lanes, claim the tasks that are due
 * in them within their limits, run the lifecycle, commit.
 *
 * @module
 */

import type { Clock } from "../../lib/clock.ts";
import type { ClaimedTask } from "../../task/task.ts";
import { MAX_WAIT_MS } from "../core/rules.ts";
import type { Hints, Place } from "./hints.ts";

/** Lanes that one round locks. With more, one node would lock all lanes and leave none to the others. */
const MAX_LANES = 8;
/** Wait after a round that failed, in milliseconds; doubled after each failure up to the maximum. */
const RETRY_MS = 200;
const MAX_RETRY_MS = 5_000;

/** What claims need. */
export interface ClaimerParts {
  readonly clock: Clock;
  readonly hints: Hints;
  /** The engine's time, in milliseconds since the epoch. */
  readonly now: () => number;
  /** Returns a number in [0, 1), to spread retries over time. */
  readonly random: () => number;
  /** Takes up to `limit` tasks from these places, and corrects the hints. */
  readonly round: (places: readonly Place[], limit: number) => Promise<ClaimedTask[]>;
}

interface Waiter {
  readonly limit: number;
  readonly signal: AbortSignal;
  readonly result: PromiseWithResolvers<ClaimedTask[]>;
}

/** Serves claims in the order in which they came. */
export class Claimer {
  readonly #parts: ClaimerParts;
  #waiters: Waiter[] = [];
  #round: Promise<void> | undefined;
  #serving: Waiter | undefined;
  #undoTimer: () => void = () => {};
  #retryMs = 0;
  /** Whether a task may have become due since the running round looked for places. */
  #isKicked = false;
  /** How many calls wait to run between two rounds. */
  #between = 0;
  #closed = false;

  constructor(parts: ClaimerParts) {
    this.#parts = parts;
  }

  claim(limit: number, signal: AbortSignal): Promise<ClaimedTask[]> {
    if (signal.aborted || this.#closed) return Promise.resolve([]);
    const waiter = { limit, signal, result: Promise.withResolvers<ClaimedTask[]>() };
    this.#waiters.push(waiter);
    // A round that is already serving this claim still returns the tasks it has claimed.
    signal.addEventListener("abort", () => {
      if (waiter !== this.#serving) this.#resolve(waiter, []);
    }, { once: true });
    this.kick();
    return waiter.result.promise;
  }

  /** Starts a round if none is running; call it when a task may have become due. */
  kick(): void {
    this.#isKicked = true;
    if (this.#round || this.#between > 0 || this.#closed) return;
    this.#round = this.#serve().finally(() => {
      this.#round = undefined;
      // A failed round is tried again after a pause.
      if (this.#isKicked && this.#retryMs === 0) this.kick();
    });
  }

  /** Waits for the running round, then runs `work`; the next round starts after it. */
  async between(work: () => Promise<void>): Promise<void> {
    this.#between++;
    try {
      // No round may begin between this check and the assignment.
      while (this.#round) await this.#round;
      if (this.#closed) return;
      const round = work();
      this.#round = round.catch(() => {}).finally(() => this.#round = undefined);
      await this.#round;
      await round;
    } finally {
      this.#between--;
      this.kick();
    }
  }

  /** Resolves when no round is running, and none waits for work between two rounds. */
  async idle(): Promise<void> {
    while (this.#round || this.#between > 0) await this.#round;
  }

  /** Waits for the running round, then resolves all waiting claims with no tasks. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#undoTimer();
    await this.idle();
    for (const waiter of this.#waiters) this.#resolve(waiter, []);
  }

  async #serve(): Promise<void> {
    const { hints, now, round } = this.#parts;
    this.#undoTimer();
    // The caller of `kick` finishes its own synchronous work first.
    await undefined;
    for (;;) {
      this.#isKicked = false;
      const waiter = this.#waiters[0];
      if (!waiter || this.#between > 0 || this.#closed) return;
      const places = hints.due(now(), MAX_LANES);
      if (places.length === 0) return this.#wakeAt(hints.nextAt());
      this.#serving = waiter;
      let tasks: ClaimedTask[] = [];
      try {
        tasks = await round(places, waiter.limit);
        this.#retryMs = 0;
      } catch {
        // Tasks that were claimed although the reply was lost are released at the next heartbeat.
        this.#retryMs = Math.min(MAX_RETRY_MS, this.#retryMs * 2 || RETRY_MS);
      } finally {
        this.#serving = undefined;
      }
      if (tasks.length > 0 || waiter.signal.aborted) this.#resolve(waiter, tasks);
      if (this.#retryMs > 0) {
        return this.#wakeAt(now() + this.#retryMs * (0.5 + this.#parts.random()));
      }
    }
  }

  #resolve(waiter: Waiter, tasks: ClaimedTask[]): void {
    this.#waiters = this.#waiters.filter((one) => one !== waiter);
    waiter.result.resolve(tasks);
  }

  #wakeAt(at: number): void {
    if (at === Infinity || this.#closed) return;
    const delayMs = Math.min(Math.max(0, at - this.#parts.now()), MAX_WAIT_MS);
    this.#undoTimer = this.#parts.clock.after(delayMs, () => this.kick());
  }
}
