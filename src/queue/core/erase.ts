/**
 * What is erased of a task besides payload and result.
 *
 * @module
 */

import type { AttemptRecord, TaskError } from "../../task/task.ts";
import type { Row } from "./row.ts";

const ERASED = "Erased.";

/** Erases the words of the row: they may name recipients. The row's task cannot be revived any more. */
export function eraseWords(row: Row): void {
  row.erase = true;
  row.label = "";
  if (row.error === null) return;
  const error: TaskError = JSON.parse(row.error);
  row.error = JSON.stringify({ code: error.code, detail: ERASED });
}

/** An attempt without the words of its error and without its evidence. */
export function erasedAttempt({ error, evidence: _, ...attempt }: AttemptRecord): AttemptRecord {
  return error ? { ...attempt, error: { code: error.code, detail: ERASED } } : attempt;
}
