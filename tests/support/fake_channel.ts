/**
 * A channel that does what a test tells it.
 *
 * @module
 */

import type { Attempt, DeliverContext, Delivery } from "../../src/channels/channel.ts";
import type { Outcome } from "../../src/task/outcome.ts";

/** One attempt in the test's hands. */
export interface HeldAttempt {
  readonly attempt: Attempt;
  readonly context: DeliverContext;
  /** Ends it. */
  readonly answer: (outcome: Outcome) => void;
  /** Breaks it, as a bug would. */
  readonly break: (error: Error) => void;
}

/** Holds each attempt until the test ends it, or answers all alike. */
export class FakeChannel implements Delivery {
  /** Attempts begun, oldest first. */
  readonly attempts: HeldAttempt[] = [];
  #always: Outcome | undefined;
  #graceMs: number;

  constructor(always?: Outcome, { graceMs = 0 } = {}) {
    this.#always = always;
    this.#graceMs = graceMs;
  }

  graceMs(): number {
    return this.#graceMs;
  }

  deliver(_channel: string, attempt: Attempt, context: DeliverContext): Promise<Outcome> {
    const { promise, resolve, reject } = Promise.withResolvers<Outcome>();
    this.attempts.push({ attempt, context, answer: resolve, break: reject });
    if (this.#always) resolve(this.#always);
    return promise;
  }

  /** The latest attempt at a task. */
  of(taskId: string): HeldAttempt {
    const held = this.attempts.findLast(({ attempt }) => attempt.taskId === taskId);
    if (!held) throw new Error(`Nobody has attempted ${taskId}`);
    return held;
  }
}
