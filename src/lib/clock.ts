/**
 * Time, as the rest of the code is allowed to see it.
 *
 * Nothing outside this file reads `Date.now()` or calls `setTimeout()`, so a
 * test that owns the clock owns every wait in the service.
 *
 * @module
 */

import { Heap } from "./heap.ts";

/** Where the service reads the time and from where it is woken. */
export interface Clock {
  /** Milliseconds since the epoch; may jump when the operator sets the machine's clock. */
  now(): number;
  /** Milliseconds that only ever grow: for durations, never for dates. */
  monotonic(): number;
  /** Calls `wake` once, `delayMs` from now, and returns what undoes it. */
  after(delayMs: number, wake: () => void): () => void;
}

/** `setTimeout` counts in 32 bits; a longer wait is made of several. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Undone waits that may stay in the heap in addition to as many as there are live ones. */
const MAX_UNDONE = 64;

interface Wait {
  /** On the monotonic clock. */
  readonly at: number;
  /** Among waits for the same moment the older comes first. */
  readonly number: number;
  /** Nothing once it was called or undone. */
  wake: (() => void) | undefined;
}

/**
 * The machine's clock. All waits share one timer of the runtime, which is
 * set for the earliest: most waits are deadlines that are undone in time, and
 * one timer for each would cost more than the calls that it limits.
 */
class MachineClock implements Clock {
  readonly #waits = new Heap<Wait>((a, b) => a.at < b.at || (a.at === b.at && a.number < b.number));
  #pending = 0;
  #number = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #timerAt = Infinity;

  now(): number {
    return Date.now();
  }

  monotonic(): number {
    return performance.now();
  }

  after(delayMs: number, wake: () => void): () => void {
    const now = this.monotonic();
    const wait: Wait = { at: now + Math.max(0, delayMs), number: ++this.#number, wake };
    this.#waits.push(wait);
    this.#pending++;
    if (wait.at < this.#timerAt) this.#arm(wait.at, now);
    return () => {
      if (!wait.wake) return;
      wait.wake = undefined;
      this.#pending--;
      this.#tidy();
    };
  }

  #arm(at: number, now: number): void {
    clearTimeout(this.#timer);
    this.#timerAt = at;
    this.#timer = setTimeout(
      () => this.#wake(),
      Math.min(Math.ceil(at - now), MAX_TIMER_MS),
    );
  }

  #wake(): void {
    this.#timerAt = Infinity;
    const now = this.monotonic();
    try {
      for (let first = this.#waits.peek(); first; first = this.#waits.peek()) {
        if (first.wake && first.at > now) break;
        this.#waits.pop();
        const { wake } = first;
        if (!wake) continue;
        first.wake = undefined;
        this.#pending--;
        wake();
      }
    } finally {
      const next = this.#waits.peek();
      if (next && next.at < this.#timerAt) this.#arm(next.at, now);
    }
  }

  /** Removes undone waits, so that they neither keep the process alive nor fill the heap. */
  #tidy(): void {
    if (this.#pending === 0) {
      clearTimeout(this.#timer);
      this.#timerAt = Infinity;
    }
    if (this.#pending === 0 || this.#waits.size > 2 * this.#pending + MAX_UNDONE) {
      this.#waits.keep(({ wake }) => wake !== undefined);
    }
  }
}

/** The machine's own clock. A pending `after` keeps the process alive. */
export const systemClock: Clock = new MachineClock();

/** Resolves `delayMs` from now; rejects with the signal's reason as soon as it aborts. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const undo = clock.after(delayMs, () => {
      signal?.removeEventListener("abort", leave);
      resolve();
    });
    const leave = () => {
      undo();
      reject(signal?.reason);
    };
    signal?.addEventListener("abort", leave, { once: true });
  });
}
