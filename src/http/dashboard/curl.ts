/**
 * The command line that submits a task again.
 *
 * @module
 */

import { optionsOf } from "../../task/resubmit.ts";
import type { TaskRecord } from "../../task/task.ts";

/** A command, and what it leaves out. */
export interface Resend {
  /** A `curl` command for a POSIX shell. */
  readonly command: string;
  /** Parts of the task that it does not have. */
  readonly leftOut: readonly string[];
}

const MASKED = "***";

/**
 * The `curl` command that submits `task` again with its options. `payload` is
 * that of the API, whose secrets are masked.
 */
export function resendOf(
  task: TaskRecord,
  payload: unknown,
  origin: string,
  needsKey: boolean,
): Resend {
  const { attachments, bodyBytes, ...fields } = (payload ?? {}) as Record<string, unknown>;
  const body = JSON.stringify({ ...fields, ...optionsOf(task) }, null, 2);
  const key = needsKey ? ' -H "Authorization: Bearer $POSTRIDER_KEY"' : "";
  const left: [boolean, string][] = [
    [payload === undefined, "the payload, which was erased"],
    [attachments !== undefined, "the attachments"],
    [bodyBytes !== undefined, "the binary body"],
    [body.includes(MASKED), `secrets: replace each ${MASKED}`],
    [task.expiresAt !== undefined, "its expiry"],
    [task.batchId !== undefined, "its batch"],
    [true, "callbacks and follow-ups, if it has any"],
  ];
  return {
    command: `curl ${quoted(`${origin}/${task.type}`)}${key} --json ${quoted(body)}`,
    leftOut: left.flatMap(([isLeft, what]) => isLeft ? [what] : []),
  };
}

/** Quotes a text as one word of a POSIX shell. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
