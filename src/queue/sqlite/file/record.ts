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
export function recordOf(
  sql: Statements,
  row: Row,
  { shortened, brief }: { readonly shortened: ShortenedPayloads; readonly brief: boolean },
): TaskRecord {
  const stored = sql.result.get(row.seq) as Result | undefined;
  return {
    ...bodyOf(sql, row, shortened, brief),
    attempts: attemptsOf(sql, row, stored),
    ...(stored?.result ? { result: JSON.parse(stored.result) } : {}),
  };
}

/** Tokens stand for long files: only a claim hands those over. */
function bodyOf(sql: Statements, row: Row, shortened: ShortenedPayloads, brief: boolean) {
  const known = shortened.get(row.seq);
  if (known !== undefined) {
    const { spec } = sql.spec.get(row.seq) as { spec: string };
    return { ...summaryOf(row, spec), payload: known };
  }
  const long = brief
    ? sql.long.get(row.seq) as { spec: string; bytes: number } | undefined
    : undefined;
  if (long) return { ...summaryOf(row, long.spec), payloadBytes: long.bytes };
  const body = sql.body.get(row.seq) as unknown as Body | undefined;
  const summary = summaryOf(row, body?.spec);
  if (!isIntact(body) || body.payload === null) return summary;
  const { payload } = body;
  if (typeof payload === "string") return { ...summary, payload };
  const text = shortened.add(row.seq, payload);
  payload.buffer.transfer(0);
  return { ...summary, payload: text };
}

/** Each is at most this long, in characters. */
const MAX_SHORTENED = 16_384;
/** The most payloads that are kept. */
const MAX_KEPT = 64;

/**
 * Payloads with tokens for their long files, as the latest tasks that have such
 * files are shown. Callers who wait for a task ask for it again and again, and each
 * time its files would be read, and take twice their size in memory.
 */
export class ShortenedPayloads {
  readonly #texts = new Map<number, string>();

  /** That of a task, if it is kept. */
  get(seq: number): string | undefined {
    return this.#texts.get(seq);
  }

  /** Shortens the payload of a task, and keeps the result if it is short. */
  add(seq: number, payload: JsonText): string {
    const { text } = readJsonText(payload);
    if (text.length > MAX_SHORTENED) return text;
    this.#texts.set(seq, text);
    for (const oldest of this.#texts.keys()) {
      if (this.#texts.size <= MAX_KEPT) break;
      this.#texts.delete(oldest);
    }
    return text;
  }

  /** Forgets that of a task, which is erased. */
  delete(seq: number): void {
    this.#texts.delete(seq);
  }
}

/** Attempts that an earlier version has listed are in a table of their own. */
function attemptsOf(sql: Statements, row: Row, stored: Result | undefined): AttemptRecord[] {
  const attempts: AttemptRecord[] = JSON.parse(`[${stored?.attempts ?? ""}]`);
  if (attempts.length === row.listed) return attempts;
  const older = sql.attempts.all(row.seq) as { record: string }[];
  return [...older.map(({ record }) => JSON.parse(record)), ...attempts];
}
