/**
 * The command line that submits the payload of a task again.
 *
 * @module
 */

import type { TaskType } from "../../task/task.ts";

/** A `curl` command; masked secrets stay masked, files are left out. */
export function curlOf(type: TaskType, payload: unknown, origin: string): string {
  const { attachments: _, bodyBytes: __, ...fields } = (payload ?? {}) as Record<string, unknown>;
  const body = JSON.stringify(fields, null, 2);
  return `curl ${quoted(`${origin}/${type}`)} --json ${quoted(body)}`;
}

/** Quotes a text as one word of a POSIX shell. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
