/**
 * The folder of `fetch --into DIR`, and what an interrupted run left in it.
 *
 * The hidden folder `.postrider` in it holds the queue and the incomplete files of the
 * command's own service, and a note for each command that is not finished: the idempotency
 * key under which its batch was submitted, and the files that are in place.
 *
 * @module
 */

import { createHash } from "node:crypto";

const HIDDEN = ".postrider";

/** A folder that one command saves into. */
export interface RunFolder {
  /** Under which the batch is submitted; the same when the command is continued. */
  readonly key: string;
  /** Where a service that the command starts keeps its queue and its downloads. */
  readonly service: { readonly queue: string; readonly downloads: string };
  /**
   * Moves a saved file to a name of its own in the folder, unless that was done before.
   * `bring` writes the file to the given path. Resolves with the path of the file.
   */
  place(id: string, name: string, bring: (path: string) => Promise<void>): Promise<string>;
  /** Forgets the command; removes the hidden folder when no other command needs it. */
  finish(): Promise<void>;
}

interface Note {
  readonly key: string;
  /** Names of the files that are in place, by task. */
  readonly files: Record<string, string>;
}

/** Opens the folder, which is created if needed. `command` identifies what is continued. */
export async function openRunFolder(
  path: string,
  command: string,
  newKey: () => string,
): Promise<RunFolder> {
  const hidden = `${path}/${HIDDEN}`;
  await Deno.mkdir(hidden, { recursive: true, mode: 0o700 });
  const digest = createHash("sha256").update(command).digest("hex").slice(0, 16);
  const notePath = `${hidden}/run-${digest}.json`;
  const note = await readNote(notePath) ?? { key: newKey(), files: {} };
  const write = async () => {
    await Deno.writeTextFile(`${notePath}.new`, JSON.stringify(note));
    await Deno.rename(`${notePath}.new`, notePath);
  };
  await write();
  return {
    key: note.key,
    service: { queue: `sqlite:${hidden}/queue.db`, downloads: `${hidden}/files` },

    async place(id, name, bring) {
      const before = note.files[id];
      if (before !== undefined) return `${path}/${before}`;
      const incoming = `${hidden}/${id}.incoming`;
      await bring(incoming);
      const free = await freeName(path, name);
      await Deno.rename(incoming, `${path}/${free}`);
      note.files[id] = free;
      await write();
      return `${path}/${free}`;
    },

    async finish() {
      await Deno.remove(notePath);
      const left = (await Array.fromAsync(Deno.readDir(hidden))).map(({ name }) => name);
      const isNeeded = left.some((name) => name.startsWith("run-"));
      if (!isNeeded) await Deno.remove(hidden, { recursive: true });
    },
  };
}

async function readNote(path: string): Promise<Note | undefined> {
  try {
    const { key, files } = JSON.parse(await Deno.readTextFile(path));
    return typeof key === "string" && typeof files === "object" && files
      ? { key, files }
      : undefined;
  } catch {
    return undefined;
  }
}

/** The name, or one such as `name (2).ext` when there is such a file already. */
async function freeName(folder: string, name: string): Promise<string> {
  const [ending = ""] = /\.[A-Za-z0-9]{1,10}$/.exec(name) ?? [];
  const stem = name.slice(0, name.length - ending.length);
  for (let number = 1;; number++) {
    const free = number === 1 ? name : `${stem} (${number})${ending}`;
    if (!await exists(`${folder}/${free}`)) return free;
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.lstat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
