/**
 * The command line that submits a task again.
 *
 * @module
 */

import { formatDuration } from "../../lib/duration.ts";
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

/** The options of a submit that a task keeps. */
function optionsOf(task: TaskRecord): Record<string, unknown> {
  const { key, tags, priority, retry, timeoutMs, onUnknown, retain } = task;
  const options: Record<string, unknown> = {
    key,
    tags,
    priority,
    retry: retry.length === 0 ? 0 : retrySteps(retry),
    timeout: formatDuration(timeoutMs),
    onUnknown,
    retain,
  };
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

/** `5s, 1m, 10m*3`: equal waits in a row are one step. */
function retrySteps(waits: readonly number[]): string {
  const steps: { ms: number; times: number }[] = [];
  for (const ms of waits) {
    const last = steps.at(-1);
    if (last?.ms === ms) last.times++;
    else steps.push({ ms, times: 1 });
  }
  return steps.map(({ ms, times }) => `${formatDuration(ms)}${times > 1 ? `*${times}` : ""}`)
    .join(", ");
}

/** Quotes a text as one word of a POSIX shell. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
