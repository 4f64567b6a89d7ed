/**
 * Reading a task with all that is stored of it.
 *
 * @module
 */

import { readJsonText } from "../../../lib/json/held_text.ts";
import type { JsonText } from "../../../lib/json.ts";
import type { AttemptRecord, TaskRecord } from "../../../task/task.ts";
import { type Row, summaryOf } from "../../core/row.ts";
import { type Body, isIntact } from "./rows.ts";
import type { Statements } from "./statements.ts";

interface Result {
  readonly result: string | null;
  readonly attempts: string | null;
}

/** A task with all that is stored of it, in the state of `row`; a damaged payload is left out. */
export function recordOf(sql: Statements, row: Row): TaskRecord {
  const body = sql.body.get(row.seq) as unknown as Body | undefined;
  const stored = sql.result.get(row.seq) as Result | undefined;
  return {
    ...summaryOf(row, body?.spec),
    ...(isIntact(body) && body.payload !== null ? { payload: shortened(body.payload) } : {}),
    attempts: attemptsOf(sql, row, stored),
    ...(stored?.result ? { result: JSON.parse(stored.result) } : {}),
  };
}

/** Tokens stand for long files: only a claim hands those over. */
function shortened(payload: JsonText): string {
  const { text } = readJsonText(payload);
  if (typeof payload !== "string") payload.buffer.transfer(0);
  return text;
}

/** Attempts that an earlier version has listed are in a table of their own. */
function attemptsOf(sql: Statements, row: Row, stored: Result | undefined): AttemptRecord[] {
  const attempts: AttemptRecord[] = JSON.parse(`[${stored?.attempts ?? ""}]`);
  if (attempts.length === row.listed) return attempts;
  const older = sql.attempts.all(row.seq) as { record: string }[];
  return [...older.map(({ record }) => JSON.parse(record)), ...attempts];
}
