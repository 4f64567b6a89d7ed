/**
 * Rates and latencies for `/status`.
 *
 * @module
 */

import type { Clock } from "../../lib/clock.ts";
import type { Quantiles } from "../../task/history.ts";

/** Counts tasks and measures durations. */
export interface WindowCounters {
  /** Counts the tasks of a submit that took from `startedAt` to `now` on the monotonic clock. */
  accepted(tasks: number, startedAt: number, now: number): void;
  /** Counts a task that became final `ms` milliseconds after it was accepted. */
  settled(ms: number): void;
  /** Tasks per second over the last minute. */
  rates(): { readonly accepted: number; readonly settled: number };
  /** Of the latest thousand, in milliseconds: duration of a submit, and from there to the final state. */
  latency(): { readonly accept: Quantiles; readonly finish: Quantiles };
}

const WINDOW_S = 60;
const SAMPLES = 1_000;

/** Opens counters at zero. */
export function openWindowCounters(clock: Clock): WindowCounters {
  const accepted = new PerSecond(clock.monotonic());
  const settled = new PerSecond(clock.monotonic());
  const accept = new Latest();
  const finish = new Latest();
  return {
    accepted(tasks, startedAt, now) {
      accepted.add(tasks, now);
      accept.add(now - startedAt);
    },
    settled(ms) {
      settled.add(1, clock.monotonic());
      finish.add(ms);
    },
    rates() {
      const now = clock.monotonic();
      return { accepted: accepted.rate(now), settled: settled.rate(now) };
    },
    latency: () => ({ accept: accept.quantiles(), finish: finish.quantiles() }),
  };
}

/** One count for each of the last sixty seconds, in a ring. */
class PerSecond {
  #counts = new Float64Array(WINDOW_S);
  #second: number;

  constructor(now: number) {
    this.#second = Math.floor(now / 1_000);
  }

  add(count: number, now: number): void {
    this.#advance(now);
    const at = this.#second % WINDOW_S;
    this.#counts[at] = (this.#counts[at] ?? 0) + count;
  }

  rate(now: number): number {
    this.#advance(now);
    return Math.round(this.#counts.reduce((sum, count) => sum + count, 0) / WINDOW_S * 100) / 100;
  }

  #advance(now: number): void {
    const second = Math.floor(now / 1_000);
    const stale = Math.min(WINDOW_S, second - this.#second);
    for (let i = 1; i <= stale; i++) this.#counts[(this.#second + i) % WINDOW_S] = 0;
    this.#second = second;
  }
}

class Latest {
  #samples = new Float64Array(SAMPLES);
  #count = 0;

  add(ms: number): void {
    this.#samples[this.#count++ % SAMPLES] = ms;
  }

  quantiles(): Quantiles {
    const sorted = this.#samples.slice(0, Math.min(this.#count, SAMPLES)).sort();
    if (sorted.length === 0) return {};
    const at = (part: number) => {
      const ms = sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? 0;
      return Math.round(ms * 1_000) / 1_000;
    };
    return { p50: at(0.5), p95: at(0.95), p99: at(0.99) };
  }
}
