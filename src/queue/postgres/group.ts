/**
 * Group commit: items that arrive while a group is running form the next group,
 * so that one transaction serves many callers. A further group begins beside a running
 * one only when it is full: two small transactions cost nearly twice as much as one.
 *
 * @module
 */

import { setImmediate } from "node:timers";

/** Collects items into groups and runs each group. */
export class Grouped<Item, Result> {
  readonly #run: (items: Item[]) => Promise<readonly (Result | Promise<Result>)[]>;
  readonly #maxItems: number;
  readonly #maxGroups: number;
  #waiting: { item: Item; result: PromiseWithResolvers<Result> }[] = [];
  #groups = 0;
  #isScheduled = false;

  /** `run` returns one result for each item, in the same order; for an item that fails alone, a promise that rejects. */
  constructor(
    run: (items: Item[]) => Promise<readonly (Result | Promise<Result>)[]>,
    { maxItems, maxGroups }: { maxItems: number; maxGroups: number },
  ) {
    this.#run = run;
    this.#maxItems = maxItems;
    this.#maxGroups = maxGroups;
  }

  /** Adds an item to the next group, and resolves with its result. */
  add(item: Item): Promise<Result> {
    const result = Promise.withResolvers<Result>();
    this.#waiting.push({ item, result });
    this.#schedule();
    return result.promise;
  }

  #schedule(): void {
    if (this.#isScheduled || this.#waiting.length === 0) return;
    const isFull = this.#waiting.length >= this.#maxItems;
    if (this.#groups >= (isFull ? this.#maxGroups : 1)) return;
    this.#isScheduled = true;
    // Items that arrive in the same turn of the event loop join the group.
    setImmediate(() => {
      this.#isScheduled = false;
      this.#begin();
    });
  }

  async #begin(): Promise<void> {
    const group = this.#waiting.splice(0, this.#maxItems);
    if (group.length === 0) return;
    this.#groups++;
    this.#schedule();
    try {
      const results = await this.#run(group.map(({ item }) => item));
      group.forEach(({ result }, at) => result.resolve(results[at] as Result));
    } catch (error) {
      for (const { result } of group) result.reject(error);
    }
    this.#groups--;
    this.#schedule();
  }
}
