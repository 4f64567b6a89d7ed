/**
 * Holds a call back until something has become of what it asks for.
 *
 * @module
 */

import { isFinal } from "../../task/state.ts";
import type { BatchRecord } from "../../task/batch.ts";
import type { TaskRecord } from "../../task/task.ts";
import type { TaskChange, Watched } from "../../queue/engine.ts";
import type { Dependencies } from "../dependencies.ts";

/** Who waits, and how long at most. */
export interface Patience {
  /** Milliseconds. */
  readonly ms: number;
  /** Aborts when the caller has left. */
  readonly signal: AbortSignal;
}

/** The task as soon as it is final, or as it stands when the patience is over. */
export function waitForTask(
  dependencies: Dependencies,
  id: string,
  patience: Patience,
): Promise<TaskRecord | undefined> {
  return waitFor(dependencies, { task: id }, patience, {
    look: () => dependencies.engine.find(id),
    isOver: (task) => isFinal(task.state),
    mayBeOver: (change) => isFinal(change.state),
  });
}

/** The batch as soon as it is done, or as it stands when the patience is over. */
export function waitForBatch(
  dependencies: Dependencies,
  id: string,
  patience: Patience,
): Promise<BatchRecord | undefined> {
  return waitFor(dependencies, { batch: id }, patience, {
    look: () => dependencies.engine.findBatch(id),
    isOver: (batch) => batch.done,
    mayBeOver: (change) => change.batchDone === true,
  });
}

async function waitFor<Thing>(
  { engine, clock, closing }: Dependencies,
  watched: Watched,
  { ms, signal }: Patience,
  { look, isOver, mayBeOver }: {
    readonly look: () => Promise<Thing | undefined>;
    readonly isOver: (thing: Thing) => boolean;
    readonly mayBeOver: (change: TaskChange) => boolean;
  },
): Promise<Thing | undefined> {
  const ended = Promise.withResolvers<void>();
  const end = () => ended.resolve();
  // Watched before it is looked at: what happens in between is not missed.
  const unwatch = engine.watch(watched, (change) => mayBeOver(change) && end());
  const undo = clock.after(ms, end);
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
