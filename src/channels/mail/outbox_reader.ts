/**
 * Reads the mails in the outbox, for the API and the dashboard.
 *
 * @module
 */

import { decodeWords } from "postal-mime";
import { isId } from "../../lib/ids.ts";
import type { OutboxEntry, OutboxPort } from "../../task/ports.ts";

/** Headers are read from the first bytes of a file. */
const HEAD_BYTES = 16_384;

/** Opens the outbox in a folder. */
export function openOutboxReader(directory: string): OutboxPort {
  return {
    list: (limit) => listOutbox(directory, limit),
    read: (id) => readOutbox(directory, id),
  };
}

/** The newest `limit` mails, newest first; none when the folder does not exist. */
export async function listOutbox(directory: string, limit: number): Promise<OutboxEntry[]> {
  const ids: string[] = [];
  try {
    for await (const { name } of Deno.readDir(directory)) {
      const id = name.endsWith(".eml") ? name.slice(0, -".eml".length) : "";
      if (isId("tsk", id)) ids.push(id);
    }
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
  // Ids sort by the time of acceptance.
  const newest = ids.sort().reverse().slice(0, limit);
  const entries = await Promise.all(newest.map((id) => readEntry(directory, id)));
  return entries.filter((entry) => entry !== undefined);
}

/** The bytes of a mail; `undefined` when there is none for this task. */
export async function readOutbox(
  directory: string,
  id: string,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  if (!isId("tsk", id)) return undefined;
  try {
    return await Deno.readFile(`${directory}/${id}.eml`);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** `undefined` when the file was deleted meanwhile. */
async function readEntry(directory: string, id: string): Promise<OutboxEntry | undefined> {
  try {
    using file = await Deno.open(`${directory}/${id}.eml`);
    const { size, mtime } = await file.stat();
    const head = new Uint8Array(HEAD_BYTES);
    const text = new TextDecoder().decode(head.subarray(0, await file.read(head) ?? 0));
    const headers = text.split(/\r?\n\r?\n/, 1)[0]?.replace(/\r?\n[ \t]+/g, " ") ?? "";
    return {
      id,
      bytes: size,
      writtenAt: mtime?.getTime() ?? 0,
      from: headerOf(headers, "from"),
      to: headerOf(headers, "to"),
      subject: headerOf(headers, "subject"),
    };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

function headerOf(headers: string, name: string): string {
  const line = headers.split(/\r?\n/).find((line) => line.toLowerCase().startsWith(`${name}:`));
  return decodeWords(line?.slice(name.length + 1).trim() ?? "");
}
