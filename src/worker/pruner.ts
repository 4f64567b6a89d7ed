/**
 * Deletes final tasks that have been kept long enough, a few at a time.
 *
 * @module
 */

import { type Clock, sleep } from "../lib/clock.ts";
import type { QueueEngine } from "../queue/engine.ts";
import { sweepDownloadsOn } from "./downloads.ts";

/** How long to rest when all has been looked at, in milliseconds. */
const IDLE_MS = 30_000;
/** Between two portions, so that a long clean-up stalls nobody, in milliseconds. */
const PAUSE_MS = 50;
/** Tasks deleted in one transaction. */
const PORTION = 500;

/** What is kept, and how long. */
export interface Keeping {
  /** Final tasks are kept for so many milliseconds. */
  readonly retentionMs: number;
  /** The folder of what fetches save: it goes with its task. */
  readonly downloads: string;
}

/** Purges until `signal` aborts; then resolves. Rejects when the engine fails. */
export async function purgeOn(
  engine: QueueEngine,
  clock: Clock,
  { retentionMs, downloads }: Keeping,
  signal: AbortSignal,
): Promise<void> {
  await Promise.all([
    purgeTasksOn(engine, clock, retentionMs, signal),
    sweepDownloadsOn({ engine, clock, folder: downloads, retentionMs }, signal),
  ]);
}

async function purgeTasksOn(
  engine: QueueEngine,
  clock: Clock,
  retentionMs: number,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    // Few, or none, may be found among many that wait: that is no reason to rest.
    const { isOver } = await engine.purge(clock.now() - retentionMs, PORTION);
    await sleep(clock, isOver ? IDLE_MS : PAUSE_MS, signal).catch(() => {});
  }
}
