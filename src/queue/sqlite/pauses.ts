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
import type { SqliteStorage } from "./storage.ts";

/** Tasks read in one transaction. */
const READ_AT_ONCE = 2_000;

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
  storage.flush();
  const { sql } = storage;
  if (storage.resuming !== undefined) {
    const { behind, dueAt, seq } = storage.resuming;
    const rows = storage.rowsOf(sql.pausedAfter, behind, dueAt, seq, READ_AT_ONCE);
    const last = rows.at(-1);
    // Before the bits are cleared: the index is in their order.
    storage.resuming = rows.length < READ_AT_ONCE ? undefined : last && { ...last };
    act(storage, rows, resumeTask);
  } else if (storage.pausing !== undefined) {
    const rows = storage.rowsOf(sql.queuedAfter, storage.pausing, READ_AT_ONCE);
    storage.pausing = rows.length < READ_AT_ONCE ? undefined : rows.at(-1)?.seq;
    act(storage, rows, (_, row) => {
      if (storage.pauses.cover(row)) pauseTask(storage, row);
    });
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
