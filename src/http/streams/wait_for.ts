/**
 * Delays a response until a task or batch is final.
 *
 * @module
 */

import { isFinal } from "../../task/state.ts";
import type { BatchRecord } from "../../task/batch.ts";
import type { TaskRecord } from "../../task/task.ts";
import type { TaskChange, Watched } from "../../queue/engine.ts";
import type { Dependencies } from "../dependencies.ts";

/** How long to wait. */
export interface WaitLimit {
  /** Milliseconds. */
  readonly ms: number;
  /** Aborts when the caller has disconnected. */
  readonly signal: AbortSignal;
}

/** The task as soon as it is final, or in its current state when the time is up. */
export function waitForTask(
  dependencies: Dependencies,
  id: string,
  limit: WaitLimit,
): Promise<TaskRecord | undefined> {
  return waitFor(dependencies, { task: id }, limit, {
    look: () => dependencies.engine.findBrief(id),
    isOver: (task) => isFinal(task.state),
    mayBeOver: (change) => isFinal(change.state),
  });
}

/** The batch as soon as it is done, or in its current state when the time is up. */
export function waitForBatch(
  dependencies: Dependencies,
  id: string,
  limit: WaitLimit,
): Promise<BatchRecord | undefined> {
  return waitFor(dependencies, { batch: id }, limit, {
    look: () => dependencies.engine.findBatch(id),
    isOver: (batch) => batch.done,
    mayBeOver: (change) => change.batchDone === true,
  });
}

/** Many proxies give up after 60 s, and a call may ask for just that. */
const LONGEST_MS = 58_000;

async function waitFor<Thing>(
  { engine, clock, closing }: Dependencies,
  watched: Watched,
  { ms, signal }: WaitLimit,
  { look, isOver, mayBeOver }: {
    readonly look: () => Promise<Thing | undefined>;
    readonly isOver: (thing: Thing) => boolean;
    readonly mayBeOver: (change: TaskChange) => boolean;
  },
): Promise<Thing | undefined> {
  const ended = Promise.withResolvers<void>();
  const end = () => ended.resolve();
  // Watched before it is read, so that no change in between is missed.
  const unwatch = engine.watch(watched, (change) => mayBeOver(change) && end());
  const undo = clock.after(Math.min(ms, LONGEST_MS), end);
  signal.addEventListener("abort", end);
  closing.addEventListener("abort", end);
  try {
    const thing = await look();
    if (!thing || isOver(thing) || signal.aborted || closing.aborted) return thing;
    await ended.promise;
    return await look();
  } finally {
    unwatch();
    undo();
    signal.removeEventListener("abort", end);
    closing.removeEventListener("abort", end);
  }
}
