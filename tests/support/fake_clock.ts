/**
 * A clock that a test owns: time does not move until the test moves it.
 *
 * @module
 */

import type { Clock } from "../../src/lib/clock.ts";

/** A clock that the test moves. */
export class FakeClock implements Clock {
  #now: number;
  #grown = 0;
  #waits = new Set<{ at: number; wake: () => void }>();

  constructor(startMs = Date.UTC(2026, 0, 1)) {
    this.#now = startMs;
  }

  now(): number {
    return this.#now;
  }

  monotonic(): number {
    return this.#grown;
  }

  after(delayMs: number, wake: () => void): () => void {
    const wait = { at: this.#grown + Math.max(0, delayMs), wake };
    this.#waits.add(wait);
    return () => this.#waits.delete(wait);
  }

  /** How many waits are pending. */
  get waiting(): number {
    return this.#waits.size;
  }

  /** Moves time forward. Waits end in their order, and what each starts is completed before the next. */
  async advance(ms: number): Promise<void> {
    const end = this.#grown + ms;
    await settled();
    for (;;) {
      const due = [...this.#waits].filter((w) => w.at <= end).sort((a, b) => a.at - b.at)[0];
      if (!due) break;
      this.#waits.delete(due);
      this.#move(due.at - this.#grown);
      due.wake();
      await settled();
    }
    this.#move(end - this.#grown);
    await settled();
  }

  /** Sets the date as an operator would; it ends no wait. */
  jump(ms: number): void {
    this.#now += ms;
  }

  #move(ms: number): void {
    this.#grown += ms;
    this.#now += ms;
  }
}

/** Completes all work that needs neither time nor I/O. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) {
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
}
