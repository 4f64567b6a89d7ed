/**
 * Deletes final tasks that have been kept long enough, a few at a time.
 *
 * @module
 */

import { type Clock, sleep } from "../lib/clock.ts";
import type { QueueEngine } from "../queue/engine.ts";

/** How long to wait when nothing is left to delete, in milliseconds. */
const IDLE_MS = 30_000;
/** Between two portions, so that a long clean-up stalls nobody, in milliseconds. */
const PAUSE_MS = 50;
/** Tasks deleted in one transaction. */
const PORTION = 500;

/** Purges until `signal` aborts; then resolves. Rejects when the engine fails. */
export async function purgeOn(
  engine: QueueEngine,
  clock: Clock,
  retentionMs: number,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    const deleted = await engine.purge(clock.now() - retentionMs, PORTION);
    await sleep(clock, deleted < PORTION ? IDLE_MS : PAUSE_MS, signal).catch(() => {});
  }
}
