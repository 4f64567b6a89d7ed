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
  if (ended.some(({ all }) => !all)) storage.resuming = 0;
}

/** Sets and clears the bits of the next tasks; whether any are left. */
export function applyPauses(storage: SqliteStorage): boolean {
  storage.flush();
  const { sql } = storage;
  if (storage.resuming !== undefined) {
    const rows = storage.rowsOf(sql.pausedAfter, storage.resuming, READ_AT_ONCE);
    storage.resuming = next(storage, rows, resumeTask);
  } else if (storage.pausing !== undefined) {
    const rows = storage.rowsOf(sql.queuedAfter, storage.pausing, READ_AT_ONCE);
    storage.pausing = next(storage, rows, (_, row) => {
      if (storage.pauses.cover(row)) pauseTask(storage, row);
    });
  }
  return storage.resuming !== undefined || storage.pausing !== undefined;
}

/** Acts on tasks that are still queued; where the following ones begin. */
function next(
  storage: SqliteStorage,
  rows: readonly Row[],
  act: (storage: SqliteStorage, row: Row) => void,
): number | undefined {
  for (const row of rows) if (row.generation === storage.generation) act(storage, row);
  return rows.length < READ_AT_ONCE ? undefined : rows.at(-1)?.seq;
}
