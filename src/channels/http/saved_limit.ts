/**
 * Limits the size of all saved files together, so that fetches cannot fill the disk.
 *
 * @module
 */

import type { Clock } from "../../lib/clock.ts";

/** Counts what is saved. */
export interface SavedLimit {
  /** Counts bytes that are about to be written. Rejects with an error of code `ENOSPC` beyond the limit. */
  take(bytes: number): Promise<void>;
}

/** How long a count of the folder holds, in milliseconds: files are deleted, and other threads write, too. */
const COUNTED_MS = 10_000;

/** Opens the limit of a folder. */
export function openSavedLimit(folder: string, maxBytes: number, clock: Clock): SavedLimit {
  let used = 0;
  let countedAt = -Infinity;
  let counting: Promise<void> | undefined;

  async function count(): Promise<void> {
    used = await sizeOf(folder);
    countedAt = clock.monotonic();
    counting = undefined;
  }

  return {
    async take(bytes) {
      if (clock.monotonic() - countedAt > COUNTED_MS) await (counting ??= count());
      if (used + bytes > maxBytes) {
        const detail =
          `Saved files have reached the limit of ${maxBytes} bytes (POSTRIDER_DOWNLOADS_MAX)`;
        throw Object.assign(new Error(detail), { code: "ENOSPC" });
      }
      used += bytes;
    },
  };
}

async function sizeOf(folder: string): Promise<number> {
  let sum = 0;
  try {
    for await (const { name, isDirectory } of Deno.readDir(folder)) {
      const path = `${folder}/${name}`;
      sum += isDirectory ? await sizeOf(path) : (await Deno.stat(path)).size;
    }
  } catch (error) {
    // Deleted in the meantime.
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return sum;
}
