/**
 * What is asked for while an earlier group is under way becomes the next group:
 * one transaction for many callers.
 *
 * @module
 */

import { setImmediate } from "node:timers";

/** Makes groups of what is asked for. */
export class Grouped<Item, Answer> {
  readonly #run: (items: Item[]) => Promise<readonly (Answer | Promise<Answer>)[]>;
  readonly #maxItems: number;
  readonly #maxGroups: number;
  #waiting: { item: Item; answer: PromiseWithResolvers<Answer> }[] = [];
  #groups = 0;
  #isScheduled = false;

  /** `run` answers each item of a group by its place; one that fails alone has a promise that rejects. */
  constructor(
    run: (items: Item[]) => Promise<readonly (Answer | Promise<Answer>)[]>,
    { maxItems, maxGroups }: { maxItems: number; maxGroups: number },
  ) {
    this.#run = run;
    this.#maxItems = maxItems;
    this.#maxGroups = maxGroups;
  }

  /** Asks for one thing. */
  ask(item: Item): Promise<Answer> {
    const answer = Promise.withResolvers<Answer>();
    this.#waiting.push({ item, answer });
    this.#schedule();
    return answer.promise;
  }

  #schedule(): void {
    if (this.#isScheduled || this.#groups >= this.#maxGroups || this.#waiting.length === 0) return;
    this.#isScheduled = true;
    // What arrives in the same turn of the event loop goes along.
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
      const answers = await this.#run(group.map(({ item }) => item));
      group.forEach(({ answer }, at) => answer.resolve(answers[at] as Answer));
    } catch (error) {
      for (const { answer } of group) answer.reject(error);
    }
    this.#groups--;
    this.#schedule();
  }
}
