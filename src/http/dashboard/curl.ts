/**
 * The command line that submits a task's payload once more.
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

/** As one word of a POSIX shell, whatever it holds. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
