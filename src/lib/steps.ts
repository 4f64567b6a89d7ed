/**
 * Long computations done in steps, so that other work on the event loop gets
 * its turn in between.
 *
 * @module
 */

import { systemClock } from "./clock.ts";

/** A computation that yields after each step what it cost, in about microseconds. */
export type Steps<Value> = Generator<number, Value, void>;

/** What may be spent before others get their turn: about 10 ms. */
const TURN_COST = 10_000;

/** Runs all steps at once. */
export function runAtOnce<Value>(steps: Steps<Value>): Value {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}

/** What may be spent before the first turn: most computations are short. */
const FIRST_COST = 1_000;

/** Runs the steps, and waits for `turn` whenever a turn's cost is spent. */
export async function runInTurns<Value>(
  steps: Steps<Value>,
  turn: () => Promise<void>,
): Promise<Value> {
  let left = FIRST_COST;
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
    left -= value;
    if (left > 0) continue;
    await turn();
    left = TURN_COST;
  }
}

/** A chain of `setImmediate` starves the server's connections on Deno 2.9.6; a timer does not. */
const PAUSE_MS = 1;

const waiting: (() => void)[] = [];

function next(): void {
  waiting.shift()?.();
  if (waiting.length > 0) systemClock.after(PAUSE_MS, next);
}

/**
 * Resolves once other work on the event loop had its turn, and those that waited
 * before: however many computations take turns, they delay others as one does.
 */
export function turn(): Promise<void> {
  return new Promise((resolve) => {
    waiting.push(resolve);
    if (waiting.length === 1) systemClock.after(PAUSE_MS, next);
  });
}
