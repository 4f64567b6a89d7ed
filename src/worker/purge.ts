/**
 * Deletes final tasks, and their saved files, when their retention is over.
 *
 * @module
 */

import { type Clock, sleep } from "../lib/clock.ts";
import { EngineAwayError, type QueueEngine } from "../queue/engine.ts";
import { keepSweepingDownloads } from "./downloads.ts";

/** Pause after all tasks have been looked at, in milliseconds. */
const IDLE_MS = 30_000;
/** Pause between two portions, so that other queries are not delayed, in milliseconds. */
const PAUSE_MS = 50;
/** Tasks deleted in one transaction. */
const PORTION = 500;

/** How long tasks are kept, and where their files are. */
export interface Retention {
  /** How long final tasks are kept, in milliseconds. */
  readonly retentionMs: number;
  /** The folder of saved files; each is deleted with its task. */
  readonly downloads: string;
}

/** Purges until `signal` aborts; then resolves. Rejects when the engine fails. */
export async function keepPurging(
  engine: QueueEngine,
  clock: Clock,
  { retentionMs, downloads }: Retention,
  signal: AbortSignal,
): Promise<void> {
  await Promise.all([
    keepPurgingTasks(engine, clock, retentionMs, signal),
    keepSweepingDownloads({ engine, clock, folder: downloads, retentionMs }, signal),
  ]);
}

async function keepPurgingTasks(
  engine: QueueEngine,
  clock: Clock,
  retentionMs: number,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    // A portion with few final tasks may be followed by others: only the last one ends the round.
    const { isOver } = await engine.purge(clock.now() - retentionMs, PORTION).catch(retryLater);
    if (isOver) engine.compact?.();
    await sleep(clock, isOver ? IDLE_MS : PAUSE_MS, signal).catch(() => {});
  }
}

/** An unavailable database is tried again after the pause. */
function retryLater(error: unknown): { isOver: true } {
  if (error instanceof EngineAwayError) return { isOver: true };
  throw error;
}
