/**
 * Limits the size of all saved files together, so that fetches cannot fill the disk.
 *
 * @module
 */

import type { Clock } from "../../lib/clock.ts";

/** The limit is reached. */
export class SavedLimitError extends Error {
  /** `SavedLimitError`. */
  override name = "SavedLimitError";
}

/** Counts what is saved. */
export interface SavedLimit {
  /** Counts bytes that are about to be written. Rejects with a `SavedLimitError` beyond the limit. */
  take(bytes: number): Promise<void>;
}

/** How long a count of the folder holds, in milliseconds: files are deleted, and other threads write, too. */
const COUNTED_MS = 10_000;
/** A full folder is counted again before anything is refused, at once if that takes no longer. */
const SHORT_MS = 20;
/** The next count waits for at least this many times the duration of the last one. */
const PAUSE_FACTOR = 10;

/** Opens the limit of a folder. */
export function openSavedLimit(folder: string, maxBytes: number, clock: Clock): SavedLimit {
  let used = 0;
  let taken = 0;
  let countedAt = -Infinity;
  let tookMs = 0;
  let counting: Promise<void> | undefined;

  async function count(): Promise<void> {
    const begunAt = clock.monotonic();
    const takenBefore = taken;
    try {
      const size = await sizeOf(folder);
      used = size + taken - takenBefore;
      countedAt = clock.monotonic();
      tookMs = countedAt - begunAt;
    } finally {
      counting = undefined;
    }
  }

  /** Whether files may have been deleted since the last count. */
  function isStale(bytes: number): boolean {
    const ageMs = clock.monotonic() - countedAt;
    if (used + bytes <= maxBytes) return ageMs > COUNTED_MS;
    return tookMs <= SHORT_MS || ageMs > tookMs * PAUSE_FACTOR;
  }

  return {
    async take(bytes) {
      if (isStale(bytes)) await (counting ??= count());
      if (used + bytes > maxBytes) {
        throw new SavedLimitError(
          `Saved files have reached the limit of ${maxBytes} bytes (POSTRIDER_DOWNLOADS_MAX)`,
        );
      }
      used += bytes;
      taken += bytes;
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
