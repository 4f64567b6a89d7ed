/**
 * The task that the benchmark of nodes stores.
 *
 * @module
 */

import { systemClock } from "../../src/lib/clock.ts";
import type { NewTask } from "../../src/task/task.ts";

const LANES = 80;

/** A fetch of 600 bytes that is due, in one of 80 lanes unless one is named. */
export function aTask(id: string, at: number, lane?: string): NewTask {
  return {
    id,
    type: "fetch",
    channel: "http",
    lane: lane ?? `http://h${at % LANES}.example:80`,
    payload: JSON.stringify({ url: "http://example.org/", body: "x".repeat(600) }),
    label: "GET http://example.org/",
    createdAt: systemClock.now(),
    dueAt: systemClock.now(),
    priority: 5,
    retry: [1_000],
    timeoutMs: 30_000,
    onUnknown: "retry",
  };
}
