/**
 * Counts the due tasks once a minute, so that the history shows whether they become fewer.
 *
 * @module
 */

import type { Clock } from "../../lib/clock.ts";
import type { QueueEngine } from "../../queue/engine.ts";
import type { History } from "./history.ts";

const MINUTE_MS = 60_000;

/** Begins to count; returns a function that ends it. While nothing is due, nothing is recorded. */
export function sampleBacklog(
  { engine, clock, history }: {
    readonly engine: Pick<QueueEngine, "queued">;
    readonly clock: Clock;
    readonly history: Pick<History, "waiting">;
  },
): () => void {
  let isOver = false;
  let undo = () => {};

  async function sample(): Promise<void> {
    // An unavailable queue is reported elsewhere, and counted again a minute later.
    const { due } = await engine.queued().catch(() => ({ due: 0 }));
    if (isOver) return;
    if (due > 0) history.waiting(due);
    wait();
  }

  function wait(): void {
    undo = clock.after(MINUTE_MS, () => void sample());
  }

  wait();
  return () => {
    isOver = true;
    undo();
  };
}
