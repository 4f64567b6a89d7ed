/**
 * Deletes saved files whose tasks have been deleted.
 *
 * @module
 */

import { type Clock, sleep } from "../lib/clock.ts";
import { createdAtOf, isId } from "../lib/ids.ts";
import { EngineAwayError, type QueueEngine } from "../queue/engine.ts";

/** How often the folder is looked through, in milliseconds. */
const EVERY_MS = 3_600_000;

/** What the sweep needs. */
export interface DownloadSweep {
  /** Answers whether a task still exists. */
  readonly engine: QueueEngine;
  /** Schedules the sweeps. */
  readonly clock: Clock;
  /** The folder of all downloads; it may be missing. */
  readonly folder: string;
  /** Files of younger tasks are not touched, in milliseconds. */
  readonly retentionMs: number;
}

/** Sweeps now and every hour until `signal` aborts; then resolves. */
export async function keepSweepingDownloads(
  sweep: DownloadSweep,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    await sweepDownloads(sweep, signal);
    await sleep(sweep.clock, EVERY_MS, signal).catch(() => {});
  }
}

/** Sweeps once; folders that are not named after a task are not touched. */
export async function sweepDownloads(
  { engine, clock, folder, retentionMs }: DownloadSweep,
  signal: AbortSignal,
): Promise<void> {
  const before = clock.now() - retentionMs;
  try {
    for await (const { name, isDirectory } of Deno.readDir(folder)) {
      if (signal.aborted) return;
      if (!isDirectory || !isId("tsk", name) || createdAtOf(name) >= before) continue;
      if (await engine.findBrief(name)) continue;
      await Deno.remove(`${folder}/${name}`, { recursive: true });
    }
  } catch (error) {
    // A missing folder has nothing to delete; a folder that cannot be read is reported when a fetch
    // saves to it; an unavailable database is tried again at the next sweep.
    const isExpected = error instanceof Deno.errors.NotFound ||
      error instanceof Deno.errors.PermissionDenied || error instanceof EngineAwayError;
    if (!isExpected) throw error;
  }
}
