/**
 * Remembers which servers speak only HTTP/1.1, so that not every connection to
 * them negotiates HTTP/2. They are asked again after a while.
 *
 * @module
 */

import type { Clock } from "../../lib/clock.ts";

/** The oldest entry is dropped beyond this many. */
const MAX_KNOWN = 10_000;
/** An entry is valid for this long. */
const KNOWN_MS = 3_600_000;

/** The origins that are known to speak only HTTP/1.1. */
export class Http1Hosts {
  readonly #clock: Clock;
  /** By origin: the end of validity on the monotonic clock. */
  readonly #known = new Map<string, number>();

  /** Starts empty. */
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Adds an origin, or extends its validity. */
  add(origin: string): void {
    this.#known.delete(origin);
    this.#known.set(origin, this.#clock.monotonic() + KNOWN_MS);
    if (this.#known.size <= MAX_KNOWN) return;
    const [oldest = origin] = this.#known.keys();
    this.#known.delete(oldest);
  }

  /** Whether the origin is known to speak only HTTP/1.1. */
  has(origin: string): boolean {
    const until = this.#known.get(origin);
    if (until === undefined) return false;
    if (until > this.#clock.monotonic()) return true;
    this.#known.delete(origin);
    return false;
  }
}
