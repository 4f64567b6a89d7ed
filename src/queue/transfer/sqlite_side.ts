/**
 * A queue in a SQLite file, as a move reads or writes it.
 *
 * @module
 */

import { dirname } from "node:path";
import type { DatabaseSync, SQLInputValue } from "node:sqlite";
import { systemClock } from "../../lib/clock.ts";
import { EngineError } from "../errors.ts";
import { openSqliteEngine } from "../sqlite/engine.ts";
import { openFile, setInUse } from "../sqlite/file/file.ts";
import { moveOf } from "../sqlite/file/move.ts";
import type { LaneRow, Source, Table, Target, Values } from "./tables.ts";

/** Past this, SQLite's integers lose digits as numbers; no id is as large. */
const LAST = Number.MAX_SAFE_INTEGER;

/** Opens the file at `path` alone; it must exist. */
export async function openSqliteSource(path: string): Promise<Source> {
  if (!await exists(path)) throw new EngineError(`Cannot move "${path}": there is no such file`);
  await settleQueue(path);
  const { db } = openFile(path, "read");
  const target = moveOf(db)?.target;
  if (typeof target === "string") {
    close(db);
    throw new EngineError(`Cannot move "${path}": it was moved to ${target}`);
  }
  const names = new Map<number, string>();
  for (const { id, name } of lanesOf(db)) names.set(id, name);
  db.exec("INSERT OR IGNORE INTO move (one, source) VALUES (1, lower(hex(randomblob(16))))");
  const { source } = db.prepare("SELECT source FROM move").get() as { source: string };
  return {
    id: source,
    tasks: count(db, "SELECT count(*) AS n FROM task"),
    lanes: () => Promise.resolve(lanesOf(db)),
    endOfPortion(after, portion) {
      const row = db.prepare("SELECT seq FROM task WHERE seq > ? ORDER BY seq LIMIT 1 OFFSET ?")
        .get(after, portion - 1) as { seq: number } | undefined;
      return Promise.resolve(row?.seq ?? Infinity);
    },
    numbered(table, after, to) {
      const columns = table.columns.map(({ sqlite }) => sqlite).join(", ");
      const from = table.sqlite === "result" ? RESULTS : table.sqlite;
      const rows = db.prepare(
        `SELECT ${columns} FROM ${from} WHERE seq > ? AND seq <= ? ORDER BY seq`,
      )
        .all(after, Math.min(to, LAST)) as Record<string, unknown>[];
      return Promise.resolve(rows.map((row) => valuesOf(table, row, names)));
    },
    named(table) {
      const columns = table.columns.map(({ sqlite }) => sqlite).join(", ");
      const rows = db.prepare(`SELECT ${columns} FROM ${table.sqlite}`).all();
      return Promise.resolve(rows.map((row) => valuesOf(table, row, names)));
    },
    finish(to) {
      db.prepare("UPDATE move SET target = ?").run(to);
      return Promise.resolve();
    },
    [Symbol.asyncDispose]: () => Promise.resolve(close(db)),
  };
}

/** Opens the file at `path` alone, and creates it. */
export async function openSqliteTarget(path: string): Promise<Target> {
  await Deno.mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const isNew = !await exists(path);
  const { db } = openFile(path, "read");
  const ids = new Map<string, number>();
  const inTransaction = (work: () => void) => {
    db.exec("BEGIN IMMEDIATE");
    try {
      work();
      db.exec("COMMIT");
    } catch (error) {
      db.exec("ROLLBACK");
      throw error;
    }
  };
  const add = (table: Table, rows: readonly Values[]) => {
    const { sqlite, columns } = table;
    const isTask = sqlite === "task";
    // A generation of its own: no shutdown of this file has cancelled anything.
    const era = isTask || sqlite === "batch" || sqlite === "holder" ? ["era"] : [];
    const names = [...columns.map((column) => column.sqlite), ...era];
    const marks = [...columns.map(() => "?"), ...era.map(() => "0")];
    const insert = db.prepare(
      `INSERT OR REPLACE INTO ${sqlite} (${names.join(", ")}) VALUES (${marks.join(", ")})`,
    );
    for (const row of rows) {
      insert.run(...columns.map(({ kind }, at) => {
        const value = row[at];
        if (kind === "flag") return value ? 1 : 0;
        return (kind === "lane" ? ids.get(value as string) : value) as SQLInputValue;
      }));
    }
  };
  return {
    begin(source) {
      const row = moveOf(db);
      if (row?.source === source && row.copied_to !== null) return Promise.resolve(row.copied_to);
      const isEmpty = row === undefined && ["task", "batch", "schedule", "delivery"]
        .every((table) => count(db, `SELECT count(*) AS n FROM ${table}`) === 0);
      if (!isNew && !isEmpty) {
        throw new EngineError(`Cannot move to "${path}": expected an empty queue, or none`);
      }
      db.prepare("INSERT INTO move (one, source, copied_to) VALUES (1, ?, 0)").run(source);
      return Promise.resolve(0);
    },
    addLanes(lanes) {
      inTransaction(() => {
        const insert = db.prepare(`
          INSERT INTO lane (id, name, most, held_until, reason) VALUES (?, ?, ?, ?, ?)
          ON CONFLICT (name) DO NOTHING`);
        lanes.forEach(({ name, limit, heldUntil, reason }, at) =>
          insert.run(at + 1, name, limit, heldUntil, reason)
        );
      });
      for (const { id, name } of lanesOf(db)) ids.set(name, id);
      return Promise.resolve();
    },
    addPortion(portion, to) {
      inTransaction(() => {
        for (const [table, rows] of portion) add(table, rows);
        const [table, tasks] = portion[0] as [Table, Values[]];
        addChanged(db, table, tasks);
        db.prepare("UPDATE move SET copied_to = ?").run(Math.min(to, LAST));
      });
      return Promise.resolve();
    },
    finish(rest) {
      inTransaction(() => {
        for (const [table, rows] of rest) add(table, rows);
        const counts = [0, 0, 0, 0, 0, 0];
        const rows = db.prepare("SELECT state, count(*) AS n FROM task GROUP BY state").all();
        for (const { state, n } of rows as { state: number; n: number }[]) counts[state] = n;
        db.prepare("UPDATE meta SET counts = ?, change = ?, last = ?").run(
          JSON.stringify(counts),
          count(db, "SELECT coalesce(max(change), 0) AS n FROM task"),
          Math.max(
            ...["task", "batch", "delivery", "pause"].map((table) =>
              count(db, `SELECT coalesce(max(seq), 0) AS n FROM ${table}`)
            ),
          ),
        );
        db.exec("DELETE FROM move");
      });
      return Promise.resolve(count(db, "SELECT count(*) AS n FROM task"));
    },
    [Symbol.asyncDispose]: () => Promise.resolve(close(db)),
  };
}

/** An earlier version listed attempts in a table of their own. */
const RESULTS = `(
  SELECT seq, result, carry,
         nullif(concat_ws(',',
           (SELECT group_concat(record, ',') FROM (SELECT record FROM attempt a WHERE a.seq = every.seq ORDER BY ordinal)),
           attempts), '') AS attempts
    FROM (SELECT seq FROM result UNION SELECT seq FROM attempt) every LEFT JOIN result USING (seq))`;

/** Settles what a crash has interrupted, and rewrites what a shutdown has cancelled, as a start does. */
async function settleQueue(path: string): Promise<void> {
  await using engine = await openSqliteEngine({
    path,
    clock: systemClock,
    ballastBytes: 0,
    whenMoved: "read",
  });
  await engine.changesAfter(0, 1);
}

/** As an engine leaves it: not in use. */
function close(db: DatabaseSync): void {
  setInUse(db, false);
  db.close();
}

function valuesOf(
  { columns }: Table,
  row: Record<string, unknown>,
  lanes: ReadonlyMap<number, string>,
): Values {
  return columns.map(({ sqlite, kind }) => {
    const value = row[sqlite];
    return kind === "flag" ? value === 1 : kind === "lane" ? lanes.get(value as number) : value;
  });
}

/** Readers find the tasks of a portion by the number of its last change. */
function addChanged(db: DatabaseSync, { columns }: Table, tasks: readonly Values[]): void {
  if (tasks.length === 0) return;
  const place = (name: string) => columns.findIndex(({ sqlite }) => sqlite === name);
  const [seq, change] = [place("seq"), place("change")];
  const order = tasks.map((row) => [row[change], row[seq]] as [number, number])
    .sort(([a], [b]) => a - b);
  for (let at = 0; at < order.length; at += 500) {
    const part = order.slice(at, at + 500);
    db.prepare("INSERT OR REPLACE INTO changed (change, tasks, counts, last) VALUES (?, ?, '', 0)")
      .run(part.at(-1)![0], JSON.stringify(part.map(([, number]) => number)));
  }
}

function lanesOf(db: DatabaseSync): LaneRow[] {
  return db.prepare(`
    SELECT id, name, most AS "limit", held_until AS heldUntil, reason FROM lane ORDER BY id`)
    .all() as unknown as LaneRow[];
}

function count(db: DatabaseSync, sql: string): number {
  return Number((db.prepare(sql).get() as { n: number }).n);
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(({ size }) => size > 0, () => false);
}
