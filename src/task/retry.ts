/**
 * When a task that was deferred is tried again.
 *
 * @module
 */

import { formatDuration, parseDuration } from "../lib/duration.ts";

/**
 * The waits before each further try, in milliseconds: one try after each step.
 * An empty schedule means one attempt and no more.
 */
export type RetrySchedule = readonly number[];

/** The most further tries a task can have. */
export const MAX_RETRIES = 100;

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** The schedules of tasks that name none. */
export const DEFAULT_RETRIES = {
  /** Seconds for a short fault, and more than seven minutes for a server that is being restarted. */
  fetch: [1_000, 5_000, 30_000, 2 * MINUTE, 5 * MINUTE],
  /** About a day, with two tries within greylisting's five minutes to four hours. */
  mail: [5_000, 30_000, 2 * MINUTE, 5 * MINUTE, 15 * MINUTE, 30 * MINUTE, ...Array(20).fill(HOUR)],
  /** Standard Webhooks' own advice, less its last two days. */
  callback: [5_000, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR],
} as const satisfies Record<string, RetrySchedule>;

/**
 * Reads what a caller wrote as `retry`: a number of further tries on
 * `defaults`, whose last step repeats, or steps such as `"5s, 1m, 10m*3"`.
 * `undefined` when it is neither or asks for more than 100 tries.
 */
export function parseRetry(
  value: number | string,
  defaults: RetrySchedule,
): RetrySchedule | undefined {
  if (typeof value === "number") {
    if (!Number.isInteger(value) || value < 0 || value > MAX_RETRIES) return undefined;
    return Array.from({ length: value }, (_, i) => defaults[Math.min(i, defaults.length - 1)] ?? 0);
  }
  const steps: number[] = [];
  for (const part of value.split(",")) {
    const [, text = "", times = "1"] = /^\s*([0-9a-z]+)(?:\s*\*\s*(\d{1,3}))?\s*$/.exec(part) ?? [];
    const ms = parseDuration(text);
    if (ms === undefined || Number(times) < 1 || steps.length + Number(times) > MAX_RETRIES) {
      return undefined;
    }
    steps.push(...Array<number>(Number(times)).fill(ms));
  }
  return steps;
}

/**
 * Milliseconds to wait after the `tries`-th try of a schedule (1 is the first), or `undefined`
 * when there is no further one. Never shorter than its step, and longer by up to a quarter, by
 * `random` in [0, 1): tasks that failed together do not return together.
 */
export function retryDelay(
  schedule: RetrySchedule,
  tries: number,
  random: number,
): number | undefined {
  const step = schedule[tries - 1];
  return step === undefined ? undefined : Math.round(step + (step / 4) * random);
}

/** Writes a schedule as a caller would: `5s, 1m, 10m*3`. */
export function formatRetry(schedule: RetrySchedule): string {
  const parts: string[] = [];
  for (let at = 0; at < schedule.length;) {
    const step = schedule[at] ?? 0;
    let times = 1;
    while (schedule[at + times] === step) times++;
    parts.push(formatDuration(step) + (times > 1 ? `*${times}` : ""));
    at += times;
  }
  return parts.join(", ");
}
