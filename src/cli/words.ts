/**
 * Formats tasks, batches and the service's status for a terminal.
 *
 * @module
 */

import { replaceUnseen } from "../lib/text.ts";
import type {
  BatchResponse,
  StatusResponse,
  TaskResponse,
  TaskSummaryResponse,
} from "../client.ts";

import { cutEnd, padEnd, widthOf } from "./width.ts";

/** Foreign text without characters that control the terminal. */
export function plain(text: string): string {
  return replaceUnseen(text, " ");
}

const HEAD = ["STATE", "TYPE", "ATTEMPT", "ACCEPTED", "ID", "WHAT"];

/** A table with one row per task and lines of at most `columns`. */
export function taskTable(
  tasks: readonly TaskSummaryResponse[],
  now: number,
  columns: number,
): string[] {
  const rows = [HEAD, ...tasks.map((task) => rowOf(task, now))];
  const widths = HEAD.map((_, at) => Math.max(...rows.map((row) => widthOf(row[at] ?? ""))));
  return rows.map((row) =>
    cutEnd(row.map((cell, at) => padEnd(cell, widths[at] ?? 0)).join("  ").trimEnd(), columns)
  );
}

function rowOf(task: TaskSummaryResponse, now: number): string[] {
  const { state, type, attempt, createdAt, id, label, error } = task;
  const age = distance(now - Date.parse(createdAt));
  const what = [label, error && `${error.code}: ${error.detail}`].filter(Boolean).join("  ");
  return [state, type, `${attempt}`, age, id, plain(what)];
}

function distance(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1_000));
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)}m`;
  return seconds < 86_400 ? `${Math.floor(seconds / 3_600)}h` : `${Math.floor(seconds / 86_400)}d`;
}

/** One task: a line for its state, and one for each attempt. */
export function taskLines(task: TaskResponse): string[] {
  const { id, type, state, delivery, reason, dueAt, error } = task;
  const status = [state, reason && `(${reason})`, delivery].filter(Boolean).join(" ");
  return [
    `${id}  ${type}  ${status}`,
    ...(dueAt === undefined ? [] : [`  due ${dueAt}`]),
    ...task.attempts.map(({ number, startedAt, outcome, error }) =>
      plain(
        `  attempt ${number}  ${startedAt}  ${outcome}${
          error ? `  ${error.code}: ${error.detail}` : ""
        }`,
      )
    ),
    ...(error && task.attempts.length === 0 ? [plain(`  ${error.code}: ${error.detail}`)] : []),
  ];
}

/** One batch and its progress. */
export function batchLine({ id, total, counts, done }: BatchResponse): string {
  return `${id}  ${done ? "done" : "in progress"}  ${total} tasks: ${countWords({ ...counts })}`;
}

/** The status of the service. */
export function statusLines(status: StatusResponse): string[] {
  const { version, uptime, engine, durable, accepting, running, concurrency, rates } = status;
  return [
    `Postrider ${version}, up ${distance(uptime * 1_000)}, ${engine}${
      durable ? "" : " (in memory)"
    }, ` +
    `${accepting ? "accepting" : "not accepting"}`,
    `tasks     ${countWords({ ...status.counts }) || "none"}`,
    `attempts  ${running} of at most ${concurrency}`,
    `rates     ${rates.accepted}/s accepted, ${rates.settled}/s finished`,
  ];
}

function countWords(counts: Readonly<Record<string, number>>): string {
  const some = Object.entries(counts).filter(([, count]) => count > 0);
  return some.map(([state, count]) => `${count} ${state}`).join(", ");
}
