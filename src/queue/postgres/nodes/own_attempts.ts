/**
 * The attempts that this node runs.
 *
 * @module
 */

import { sequenceOf } from "../../../lib/ids.ts";

/** A claimed task and which attempt at it was claimed. */
export interface OwnAttempt {
  readonly id: string;
  readonly attempt: number;
}

/** The attempts of one node. */
export class OwnAttempts {
  readonly #live = new Map<number, OwnAttempt>();
  /** Attempts that others recover, because this node was given up. */
  readonly #lost = new Set<string>();

  /** An attempt was claimed. */
  add({ id, attempt }: OwnAttempt): void {
    this.#live.set(sequenceOf(id), { id, attempt });
  }

  /** The attempt at this task was settled. */
  remove(id: string): void {
    this.#live.delete(sequenceOf(id));
  }

  /** Whether this node runs an attempt at the task of this number. */
  has(seq: number): boolean {
    return this.#live.has(seq);
  }

  /** The numbers of the tasks that this node runs. */
  numbers(): number[] {
    return [...this.#live.keys()];
  }

  /** This node was given up: none of its attempts is settled here any more. Returns their ids. */
  lose(): string[] {
    const lost = [...this.#live.values()];
    this.#live.clear();
    for (const { id, attempt } of lost) this.#lost.add(`${id} ${attempt}`);
    return lost.map(({ id }) => id);
  }

  /** Whether the attempt was lost; asked once, when it ends. */
  wasLost({ id, attempt }: OwnAttempt): boolean {
    return this.#lost.delete(`${id} ${attempt}`);
  }
}
