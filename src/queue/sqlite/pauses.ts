/**
 * Storing pauses, and applying them to tasks that are queued already, some in
 * each transaction.
 *
 * @module
 */

import { sequenceOf } from "../../lib/ids.ts";
import { pauseTask, resumeTask } from "../core/pauses.ts";
import type { Row } from "../core/row.ts";
import type { Pause } from "../engine.ts";
import { laneIsOfHost } from "../host.ts";
import { ROW_COLUMNS } from "./file/rows.ts";
import { prepareRows } from "./file/statements.ts";
import type { SqliteStorage } from "./storage.ts";

/** Queued tasks that one transaction looks through. */
const WINDOW = 5_000;
/** Tasks changed in one transaction. */
const CHANGED_AT_ONCE = 1_000;

/** Before the first paused task, in the order in which they are read. */
const FIRST = { behind: 0, dueAt: 0, seq: 0 };

/** Stores a pause, which is in force from now on. */
export function pause(storage: SqliteStorage, pause: Pause): void {
  storage.sql.insertPause.run(sequenceOf(pause.id), JSON.stringify(pause));
  storage.noteId(sequenceOf(pause.id));
  storage.loadPauses();
  if (!pause.all) storage.pausing = 0;
}

/** Ends a pause; `false` when there is none of that id. */
export function resume(storage: SqliteStorage, id: string): boolean {
  const found = storage.pauses.list().find((pause) => pause.id === id);
  if (found) end(storage, [found]);
  return found !== undefined;
}

/** Ends the pauses whose time is over. */
export function endPauses(storage: SqliteStorage): void {
  const { pauses, now } = storage;
  if (pauses.nextEnd <= now) {
    end(storage, pauses.list().filter(({ until = Infinity }) => until <= now));
  }
}

function end(storage: SqliteStorage, ended: readonly Pause[]): void {
  for (const { id } of ended) storage.sql.dropPause.run(sequenceOf(id));
  storage.touch();
  storage.loadPauses();
  if (ended.some(({ all }) => !all)) storage.resuming = FIRST;
}

/** Sets and clears the bits of the next tasks; whether any are left. */
export function applyPauses(storage: SqliteStorage): boolean {
  const { sql } = storage;
  if (storage.resuming !== undefined) {
    const { behind, dueAt, seq } = storage.resuming;
    const rows = storage.rowsOf(sql.pausedAfter, behind, dueAt, seq, CHANGED_AT_ONCE);
    const last = rows.at(-1);
    // Read before the bits are cleared, because the index is sorted by them.
    storage.resuming = rows.length < CHANGED_AT_ONCE ? undefined : last && { ...last };
    act(storage, rows, resumeTask);
  } else if (storage.pausing !== undefined) {
    const { rows, next } = coveredAfter(storage, storage.pausing);
    storage.pausing = next;
    act(storage, rows, pauseTask);
  }
  return storage.resuming !== undefined || storage.pausing !== undefined;
}

/** Acts on those that no shutdown has cancelled. */
function act(
  storage: SqliteStorage,
  rows: readonly Row[],
  change: (storage: SqliteStorage, row: Row) => void,
): void {
  for (const row of rows) if (row.generation === storage.generation) change(storage, row);
}

/** Queued tasks that a pause covers, among the next ones; `next` is where the following call goes on. */
function coveredAfter(
  storage: SqliteStorage,
  after: number,
): { readonly rows: Row[]; readonly next: number | undefined } {
  storage.flush();
  const last = storage.sql.queuedWindow.get(after, WINDOW - 1) as { seq: number } | undefined;
  const tests = storage.pauses.list().filter(({ all }) => !all)
    .map((pause) => testOf(storage, pause));
  const statement = prepareRows(
    storage.db,
    `
    SELECT ${ROW_COLUMNS} FROM task INDEXED BY task_state
     WHERE state = 0 AND seq > ? AND seq <= ? AND parked < 4
       AND (${tests.map(({ sql }) => sql).join(" OR ") || "0"})
     ORDER BY seq LIMIT ?`,
  );
  const end = last?.seq ?? Number.MAX_SAFE_INTEGER;
  const values = tests.flatMap(({ values }) => values);
  const rows = storage.rowsOf(statement, after, end, ...values, CHANGED_AT_ONCE);
  return { rows, next: rows.length === CHANGED_AT_ONCE ? rows.at(-1)?.seq : last?.seq };
}

function testOf({ lanes }: SqliteStorage, pause: Pause): { sql: string; values: string[] } {
  const { host, type, channel, key, owner } = pause;
  if (host !== undefined) {
    const numbers = lanes.matching((lane) => laneIsOfHost(lane, host));
    return { sql: "lane IN (SELECT value FROM json_each(?))", values: [JSON.stringify(numbers)] };
  }
  if (type !== undefined) return { sql: "type = ?", values: [type] };
  if (channel !== undefined) return { sql: "channel = ?", values: [channel] };
  return owner === undefined
    ? { sql: "key = ?", values: [key as string] }
    : { sql: "(key = ? AND owner = ?)", values: [key as string, owner] };
}
