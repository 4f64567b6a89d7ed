/**
 * Group commit: items that arrive while a group is running form the next group,
 * so that one transaction serves many callers. A further group begins beside a running
 * one only when it is full: two small transactions cost nearly twice as much as one.
 *
 * @module
 */

import { setImmediate } from "node:timers";
import { type Clock, systemClock } from "../../lib/clock.ts";

/** Fewer callers than this are never waited for: they cost the database little. */
const FEW_CALLERS = 8;

/** How items are grouped. */
export interface GroupOptions {
  /** Items in a group. */
  readonly maxItems: number;
  /** Groups that run at the same time. */
  readonly maxGroups: number;
  /**
   * A group waits until the callers of the last group are back, or this many of them, but
   * no longer than the last group took. Without it no group waits.
   */
  readonly waitsFor?: number;
  readonly clock?: Clock;
}

/** Collects items into groups and runs each group. */
export class Grouped<Item, Result> {
  readonly #run: (items: Item[]) => Promise<readonly (Result | Promise<Result>)[]>;
  readonly #options: Required<GroupOptions>;
  #waiting: { item: Item; result: PromiseWithResolvers<Result> }[] = [];
  #groups = 0;
  #isScheduled = false;
  /** The items that the next group waits for, and until when, on the monotonic clock. */
  #wanted = 0;
  #waitsUntil = 0;
  #undoWait: (() => void) | undefined;

  /** `run` returns one result for each item, in the same order; for an item that fails alone, a promise that rejects. */
  constructor(
    run: (items: Item[]) => Promise<readonly (Result | Promise<Result>)[]>,
    options: GroupOptions,
  ) {
    this.#run = run;
    this.#options = { waitsFor: 0, clock: systemClock, ...options };
  }

  /** Adds an item to the next group, and resolves with its result. */
  add(item: Item): Promise<Result> {
    const result = Promise.withResolvers<Result>();
    this.#waiting.push({ item, result });
    this.#schedule();
    return result.promise;
  }

  #schedule(): void {
    const { maxItems, maxGroups } = this.#options;
    if (this.#isScheduled || this.#waiting.length === 0) return;
    const isFull = this.#waiting.length >= maxItems;
    if (this.#groups >= (isFull ? maxGroups : 1)) return;
    if (this.#waiting.length < this.#wanted && this.#wait()) return;
    this.#undoWait?.();
    this.#undoWait = undefined;
    this.#isScheduled = true;
    // Items that arrive in the same turn of the event loop join the group.
    setImmediate(() => {
      this.#isScheduled = false;
      this.#begin();
    });
  }

  /** Waits for more items; `false` when the time for it is over. */
  #wait(): boolean {
    const { clock } = this.#options;
    const left = this.#waitsUntil - clock.monotonic();
    if (left <= 0) return false;
    this.#undoWait ??= clock.after(left, () => {
      this.#wanted = 0;
      this.#schedule();
    });
    return true;
  }

  async #begin(): Promise<void> {
    const { maxItems, waitsFor, clock } = this.#options;
    const group = this.#waiting.splice(0, maxItems);
    if (group.length === 0) return;
    this.#groups++;
    this.#schedule();
    const begunAt = clock.monotonic();
    try {
      const results = await this.#run(group.map(({ item }) => item));
      group.forEach(({ result }, at) => result.resolve(results[at] as Result));
    } catch (error) {
      for (const { result } of group) result.reject(error);
    }
    this.#groups--;
    const callers = group.length + this.#waiting.length;
    const now = clock.monotonic();
    this.#wanted = callers < FEW_CALLERS ? 0 : Math.min(callers, waitsFor);
    this.#waitsUntil = now + (now - begunAt);
    this.#schedule();
  }
}
