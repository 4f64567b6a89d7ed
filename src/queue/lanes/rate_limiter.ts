/**
 * So many in such a time, evenly: the generic cell rate algorithm.
 *
 * A lane that rested may begin with all of one window; from then on each
 * attempt waits for its share.
 *
 * @module
 */

import { formatDuration } from "../../lib/duration.ts";
import type { Rate } from "../../lib/rate_text.ts";

/** What is left of a rate. */
export class RateLimiter {
  readonly #rate: Rate;
  readonly #everyMs: number;
  readonly #slackMs: number;
  /** When all that was spent is made good, in milliseconds since the epoch. */
  #paidAt = 0;

  constructor(rate: Rate) {
    const { count, windowMs } = rate;
    this.#rate = rate;
    this.#everyMs = windowMs / count;
    this.#slackMs = windowMs - this.#everyMs;
  }

  /** As people write it: `10/1s`. */
  toString(): string {
    return `${this.#rate.count}/${formatDuration(this.#rate.windowMs)}`;
  }

  /** When the next may begin, in milliseconds since the epoch. */
  get opensAt(): number {
    return Math.ceil(this.#paidAt - this.#slackMs);
  }

  /** How many may begin now; at least one once `opensAt` has come. */
  room(now: number): number {
    if (now < this.opensAt) return 0;
    const debtMs = Math.max(0, this.#paidAt - now);
    return Math.max(1, Math.floor((this.#slackMs - debtMs) / this.#everyMs) + 1);
  }

  /** So many have begun. */
  spend(count: number, now: number): void {
    this.#paidAt = Math.max(this.#paidAt, now) + count * this.#everyMs;
  }
}
