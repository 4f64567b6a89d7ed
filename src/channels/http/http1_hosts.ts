/**
 * Which servers speak HTTP/1.1 alone: they are not asked for HTTP/2 each time,
 * but now and then, for they may have learned.
 *
 * @module
 */

import type { Clock } from "../../lib/clock.ts";

/** So many are known, of whom the oldest is forgotten ... */
const MAX_KNOWN = 10_000;
/** ... and each for so long. */
const KNOWN_MS = 3_600_000;

/** Those that are known. */
export class Http1Hosts {
  readonly #clock: Clock;
  /** By origin: until when, by the clock that only grows. */
  readonly #known = new Map<string, number>();

  /** Knows none. */
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** From now on it is known. */
  add(origin: string): void {
    this.#known.delete(origin);
    this.#known.set(origin, this.#clock.monotonic() + KNOWN_MS);
    if (this.#known.size <= MAX_KNOWN) return;
    const [oldest = origin] = this.#known.keys();
    this.#known.delete(oldest);
  }

  /** Whether it is known. */
  has(origin: string): boolean {
    const until = this.#known.get(origin);
    if (until === undefined) return false;
    if (until > this.#clock.monotonic()) return true;
    this.#known.delete(origin);
    return false;
  }
}
