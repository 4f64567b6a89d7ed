/**
 * Throughput of the last hour in steps of five seconds, for the chart of the dashboard.
 *
 * @module
 */

import type { Clock } from "../../lib/clock.ts";
import type { TaskState } from "../../task/state.ts";

/** Length of a step, in seconds. */
const STEP_S = 5;
const STEPS = 720;

/** What is counted. */
export type Counted = "accepted" | "succeeded" | "failed";

/** Tasks per second by step, oldest first; the last step is incomplete. */
export interface Series extends Readonly<Record<Counted, readonly number[]>> {
  /** Start of each step, in seconds since the epoch. */
  readonly at: readonly number[];
}

/** Counts tasks and keeps the counts of an hour. */
export interface History {
  /** Counts accepted tasks. */
  accepted(tasks: number): void;
  /** Counts a task that became final; cancelled and expired ones are in no series. */
  finished(state: TaskState): void;
  /** Tasks that failed within the last hour, since the start. */
  failedLastHour(): number;
  /** The steps since the start, at most an hour. */
  series(): Series;
}

/** Opens an empty history. */
export function openHistory(clock: Clock): History {
  const begin = stepOf(clock.monotonic());
  let last = begin;
  const rings = { accepted: ring(), succeeded: ring(), failed: ring() };

  function advance(): void {
    const now = stepOf(clock.monotonic());
    const stale = Math.min(STEPS, now - last);
    for (let i = 1; i <= stale; i++) {
      for (const counts of Object.values(rings)) counts[(last + i) % STEPS] = 0;
    }
    last = now;
  }

  function add(counts: Float64Array, count: number): void {
    advance();
    counts[last % STEPS] = (counts[last % STEPS] ?? 0) + count;
  }

  return {
    accepted: (tasks) => add(rings.accepted, tasks),
    finished(state) {
      if (state === "succeeded" || state === "failed") add(rings[state], 1);
    },
    failedLastHour() {
      advance();
      return rings.failed.reduce((sum, count) => sum + count, 0);
    },
    series() {
      advance();
      const first = Math.max(begin, last - STEPS + 1);
      const steps = Array.from({ length: last - first + 1 }, (_, i) => first + i);
      const now = Math.floor(clock.now() / 1_000 / STEP_S) * STEP_S;
      const shown = (counts: Float64Array) =>
        steps.map((step) => Math.round((counts[step % STEPS] ?? 0) / STEP_S * 10) / 10);
      return {
        at: steps.map((step) => now - (last - step) * STEP_S),
        accepted: shown(rings.accepted),
        succeeded: shown(rings.succeeded),
        failed: shown(rings.failed),
      };
    },
  };
}

function stepOf(monotonicMs: number): number {
  return Math.floor(monotonicMs / 1_000 / STEP_S);
}

function ring(): Float64Array {
  return new Float64Array(STEPS);
}
