/**
 * The files that belong to a task: the mail that it wrote to the outbox, and what
 * it saved. They are removed when the task is erased.
 *
 * @module
 */

import { isId } from "../lib/ids.ts";
import type { Log } from "../lib/log.ts";
import type { QueueEngine } from "../queue/engine.ts";

/** Where the files are. */
export interface TaskFolders {
  /** The folder of saved files, with one folder for each task. */
  readonly downloads: string;
  /** The folder of the outbox; absent when mails go to a relay. */
  readonly outbox: string | undefined;
}

/** Removes the files of a task; those that do not exist are no error. */
export async function removeTaskFiles(
  { downloads, outbox }: TaskFolders,
  taskId: string,
): Promise<void> {
  // Never a path that came from a request.
  if (!isId("tsk", taskId)) return;
  await remove(`${downloads}/${taskId}`);
  if (outbox !== undefined) await remove(`${outbox}/${taskId}.eml`);
}

/** Removes the files of each task that is erased at its end (`retain: "none"`). */
export function removeErasedFiles(engine: QueueEngine, folders: TaskFolders, log: Log): () => void {
  return engine.watch("final", ({ id, erased }) => {
    if (!erased) return;
    removeTaskFiles(folders, id).catch((error) => {
      log.warn("Cannot remove the files of an erased task", { task: id, error });
    });
  });
}

async function remove(path: string): Promise<void> {
  try {
    await Deno.remove(path, { recursive: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
