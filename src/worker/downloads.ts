/**
 * Deletes saved files whose tasks are not kept any more.
 *
 * @module
 */

import { type Clock, sleep } from "../lib/clock.ts";
import { createdAtOf, isId } from "../lib/ids.ts";
import type { QueueEngine } from "../queue/engine.ts";

/** How often the folder is looked through, in milliseconds. */
const EVERY_MS = 3_600_000;

/** What the sweep needs. */
export interface DownloadSweep {
  /** Knows which tasks are kept. */
  readonly engine: QueueEngine;
  /** Times it. */
  readonly clock: Clock;
  /** The folder of all downloads; it need not be there. */
  readonly folder: string;
  /** Files of younger tasks are left alone, in milliseconds. */
  readonly retentionMs: number;
}

/** Sweeps now and every hour until `signal` aborts; then resolves. */
export async function sweepDownloadsOn(sweep: DownloadSweep, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await sweepDownloads(sweep, signal);
    await sleep(sweep.clock, EVERY_MS, signal).catch(() => {});
  }
}

/** Sweeps once; what is no task's folder is left alone. */
export async function sweepDownloads(
  { engine, clock, folder, retentionMs }: DownloadSweep,
  signal: AbortSignal,
): Promise<void> {
  const before = clock.now() - retentionMs;
  try {
    for await (const { name, isDirectory } of Deno.readDir(folder)) {
      if (signal.aborted) return;
      if (!isDirectory || !isId("tsk", name) || createdAtOf(name) >= before) continue;
      if (await engine.find(name)) continue;
      await Deno.remove(`${folder}/${name}`, { recursive: true });
    }
  } catch (error) {
    // A folder that is not there holds nothing; one that cannot be read is told of by who saves.
    if (!(error instanceof Deno.errors.NotFound || error instanceof Deno.errors.PermissionDenied)) {
      throw error;
    }
  }
}
