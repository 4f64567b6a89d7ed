/**
 * Time, as the rest of the code is allowed to see it.
 *
 * Nothing outside this file reads `Date.now()` or calls `setTimeout()`, so a
 * test that owns the clock owns every wait in the service.
 *
 * @module
 */

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
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** The machine's own clock. A pending `after` keeps the process alive. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(delayMs, wake) {
    let timer: ReturnType<typeof setTimeout>;
    const arm = (leftMs: number) => {
      timer = leftMs > LONGEST_TIMER_MS
        ? setTimeout(() => arm(leftMs - LONGEST_TIMER_MS), LONGEST_TIMER_MS)
        : setTimeout(wake, Math.max(0, leftMs));
    };
    arm(delayMs);
    return () => clearTimeout(timer);
  },
};

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
