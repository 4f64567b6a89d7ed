/**
 * Watches the file of the queue: its size, the free disk, and whether it is
 * still there. SQLite goes on writing to a file that was removed or unmounted,
 * and what it writes there is lost at the next start.
 *
 * @module
 */

import { statfs } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { type Clock, sleep } from "../lib/clock.ts";
import type { Log } from "../lib/log.ts";
import type { QueueEngine } from "../queue/engine.ts";
import { parseQueueUrl } from "../queue/open.ts";
import type { QueueFile } from "../task/ports.ts";

/** Interval of the checks, in milliseconds. */
const CHECK_MS = 4_000;
const GONE = "The queue file was removed, moved or unmounted: nothing can be stored";

/** What the watch needs. */
export interface QueueFileParts {
  /** `POSTRIDER_QUEUE`. */
  readonly url: string;
  /** Refuses submissions while the file is gone. */
  readonly engine: QueueEngine;
  /** Times the checks. */
  readonly clock: Clock;
  /** Receives a line when the file is gone, and when it is back. */
  readonly log: Log;
  /** Ends the watch. */
  readonly signal: AbortSignal;
}

/** Starts the watch; `undefined` for an engine without a file. */
export function watchQueueFile(
  { url, engine, clock, log, signal }: QueueFileParts,
): QueueFile | undefined {
  const queue = parseQueueUrl(url);
  if (queue.kind !== "sqlite") return undefined;
  const { path } = queue;
  const opened = Deno.statSync(path);
  removeBackups(path);
  let isGone = false;

  async function check(): Promise<void> {
    const found = await Deno.stat(path).catch(() => undefined);
    const isSame = found?.dev === opened.dev && found.ino === opened.ino;
    if (isSame === !isGone) return;
    isGone = !isSame;
    engine.refuseSubmissions?.(isGone ? GONE : undefined);
    if (isGone) log.error(GONE, { path, next: "put the same file back, or restore a backup" });
    else log.info("The queue file is back", { path });
  }

  async function watch(): Promise<void> {
    while (!signal.aborted) {
      await sleep(clock, CHECK_MS, signal).catch(() => {});
      if (!signal.aborted) await check();
    }
  }
  watch().catch((error) => log.error("Cannot watch the queue file", { error }));

  return {
    get isGone() {
      return isGone;
    },
    async usage() {
      const sizeOf = (path: string) => Deno.stat(path).then(({ size }) => size, () => 0);
      const [fileBytes, logBytes, freeBytes] = await Promise.all([
        sizeOf(path),
        sizeOf(`${path}-wal`),
        freeBytesAt(dirname(path)),
      ]);
      return { fileBytes, logBytes, freeBytes };
    },
    async isFull() {
      const { freeBytes = Infinity } = await this.usage();
      if (freeBytes >= AMPLE_BYTES) return false;
      // The queue has released its reserve, and accepts nothing until it has one again.
      if (!await Deno.stat(`${path}.ballast`).then(() => true, () => false)) return true;
      return !await canWrite(`${path}.trial`);
    },
    backupPath: (id) => `${path}${BACKUP}${id}`,
  };
}

/** With less free disk than this, a small file is written as a trial. */
const AMPLE_BYTES = 16 * 2 ** 20;
/** About as much as a few tasks take. */
const TRIAL_BYTES = 256 * 2 ** 10;

/** Whether the disk has room for a small file; leaves none behind. */
async function canWrite(path: string): Promise<boolean> {
  try {
    await Deno.writeFile(path, new Uint8Array(TRIAL_BYTES), { mode: 0o600 });
    return true;
  } catch {
    return false;
  } finally {
    await Deno.remove(path).catch(() => {});
  }
}

const BACKUP = ".backup-";
const UUID = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}(?:-wal|-shm)?$/;

/** Removes backups that an earlier process had not sent when it was killed. */
function removeBackups(path: string): void {
  const prefix = basename(path) + BACKUP;
  for (const { name } of Deno.readDirSync(dirname(path))) {
    if (!name.startsWith(prefix) || !UUID.test(name.slice(prefix.length))) continue;
    Deno.removeSync(join(dirname(path), name));
  }
}

/** Free bytes for this process on the file system of a folder; `undefined` without the permission. */
async function freeBytesAt(folder: string): Promise<number | undefined> {
  // Without the permission Deno would prompt on the terminal.
  const permission = Deno.permissions.querySync({ name: "sys", kind: "statfs" });
  if (permission.state !== "granted") return undefined;
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}
