/**
 * A rate limit by the generic cell rate algorithm (GCRA): evenly spaced starts.
 *
 * A lane that has rested may start all of one window at once; from then on each
 * attempt waits for its share.
 *
 * @module
 */

import { formatDuration } from "../../lib/duration.ts";
import type { Rate } from "../../lib/rate_text.ts";

/** The state of one rate limit. */
export class RateLimiter {
  readonly #rate: Rate;
  readonly #everyMs: number;
  readonly #slackMs: number;
  /** When everything spent so far is paid back, in milliseconds since the epoch. */
  #paidAt = 0;

  constructor(rate: Rate) {
    const { count, windowMs } = rate;
    this.#rate = rate;
    this.#everyMs = windowMs / count;
    this.#slackMs = windowMs - this.#everyMs;
  }

  /** When all that was spent is made good, in milliseconds since the epoch. */
  get paidAt(): number {
    return this.#paidAt;
  }

  /** Takes over what was spent elsewhere. */
  restore(paidAt: number): void {
    this.#paidAt = paidAt;
  }

  /** As in the settings: `10/1s`. */
  toString(): string {
    return `${this.#rate.count}/${formatDuration(this.#rate.windowMs)}`;
  }

  /** When the next attempt may begin, in milliseconds since the epoch. */
  get opensAt(): number {
    return Math.ceil(this.#paidAt - this.#slackMs);
  }

  /** How many attempts may begin now; at least one from `opensAt` on. */
  room(now: number): number {
    if (now < this.opensAt) return 0;
    const debtMs = Math.max(0, this.#paidAt - now);
    return Math.max(1, Math.floor((this.#slackMs - debtMs) / this.#everyMs) + 1);
  }

  /** Counts attempts that have begun. */
  spend(count: number, now: number): void {
    this.#paidAt = Math.max(this.#paidAt, now) + count * this.#everyMs;
  }
}
