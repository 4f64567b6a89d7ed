/**
 * A channel whose outcomes a test decides.
 *
 * @module
 */

import type {
  Attempt,
  AttemptRunner,
  DeliverContext,
  Figures,
  Underway,
} from "../../src/channels/channel.ts";
import type { Outcome } from "../../src/task/outcome.ts";

/** One attempt that waits for the test. */
export interface HeldAttempt {
  readonly attempt: Attempt;
  readonly context: DeliverContext;
  /** Ends it with an outcome. */
  readonly answer: (outcome: Outcome) => void;
  /** Makes it throw, as a bug would. */
  readonly break: (error: Error) => void;
}

/** Holds each attempt until the test ends it, or gives all of them the same outcome. */
export class FakeChannel implements AttemptRunner {
  /** The attempts that have begun, oldest first. */
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

  begin(_channel: string, attempt: Attempt, onFigures: (figures: Figures) => void): Underway {
    const { promise: outcome, resolve, reject } = Promise.withResolvers<Outcome>();
    const aborter = new AbortController();
    const shutdown = new AbortController();
    const stages = new Set<string>();
    const context: DeliverContext = {
      signal: aborter.signal,
      shutdown: shutdown.signal,
      progress(said) {
        if (said.stage) stages.add(said.stage);
        else onFigures(said);
      },
    };
    this.attempts.push({ attempt, context, answer: resolve, break: reject });
    if (this.#always) resolve(this.#always);
    return {
      outcome,
      isSending: () => stages.has("sending"),
      keepsDeadline: () => stages.has("begun"),
      abort(cause) {
        aborter.abort(cause);
        if (cause === "shutdown" || cause === "drain") shutdown.abort(cause);
      },
    };
  }

  /** The latest attempt of a task. */
  of(taskId: string): HeldAttempt {
    const held = this.attempts.findLast(({ attempt }) => attempt.taskId === taskId);
    if (!held) throw new Error(`No attempt of ${taskId} has begun`);
    return held;
  }
}
