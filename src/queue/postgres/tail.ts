/**
 * Notifies this node's watchers of the changes of every node, in order.
 *
 * Transactions commit in another order than they draw change numbers, so a
 * reader stops before the first number that a running transaction may hold. When
 * a task has changed again before its change was read, watchers get one
 * notification, with the task's latest state.
 *
 * @module
 */

import { changeOf, isDone } from "../core/row.ts";
import type { TaskChange } from "../change.ts";
import type { Pool } from "./database/pool.ts";
import type { LaneTable } from "./lane_names.ts";
import { LANE_PLACE, ROW_WIDTH, rowFrom } from "./database/columns.ts";
import type { Sql } from "./database/sql.ts";
import type { Session } from "./database/connection.ts";
import { batchCountsFrom } from "./records.ts";
import { isFinal } from "../../task/state.ts";

/** Transactions that one query reads. */
const READ_AT_ONCE = 500;

/** Some changes, and where the next query begins. */
export interface ChangePart {
  readonly changes: TaskChange[];
  /** The number of the last transaction read; absent when there was none. */
  readonly last: number | undefined;
  /** Whether there may be more. */
  readonly isFull: boolean;
}

/** Reads the changes of the next transactions after `after`. */
export async function readChanges(
  session: Session,
  { sql, lanes }: { sql: Sql; lanes: LaneTable },
  after: number,
): Promise<ChangePart> {
  const [safe] = await session.run(sql.safeChange);
  const rows = await session.run(sql.changesAfter, after, READ_AT_ONCE, safe?.[0]);
  const [, , last, count] = rows[0]?.slice(ROW_WIDTH) ?? [];
  const found = rows.filter(([seq]) => seq !== null);
  await lanes.read(session, found.map((values) => values[LANE_PLACE]));
  const changes: TaskChange[] = [];
  const ended = new Map<string, number>();
  for (const values of found) {
    const row = rowFrom(values, lanes);
    const [batchId, counts] = values.slice(ROW_WIDTH);
    const change = changeOf(row, batchId ?? undefined);
    if (batchId && isFinal(row.state) && isDone({ counts: batchCountsFrom(counts) }, false)) {
      ended.set(batchId, changes.length);
    }
    changes.push({ ...change, ...(row.aborting === null ? {} : { abort: row.aborting }) });
  }
  for (const at of ended.values()) {
    changes[at] = { ...changes[at] as TaskChange, batchDone: true };
  }
  return { changes, last: last ?? undefined, isFull: count === READ_AT_ONCE };
}

/** Reads the changes while there are watchers. */
export class Tail {
  readonly #pool: Pool;
  readonly #parts: { sql: Sql; lanes: LaneTable };
  readonly #notify: (change: TaskChange) => void;
  #watchers = 0;
  #cursor: number | undefined;
  #reading: Promise<void> | undefined;
  #isRequested = false;
  #closed = false;

  constructor(
    pool: Pool,
    parts: { sql: Sql; lanes: LaneTable },
    notify: (change: TaskChange) => void,
  ) {
    this.#pool = pool;
    this.#parts = parts;
    this.#notify = notify;
  }

  /** A watcher was added or removed. */
  watched(isWatched: boolean): void {
    this.#watchers += isWatched ? 1 : -1;
    if (this.#watchers === 0) this.#cursor = undefined;
    else if (this.#cursor === undefined) this.kick();
  }

  /** Reads new changes, if there are watchers. */
  kick(): void {
    if (this.#watchers === 0 || this.#closed) return;
    this.#isRequested = true;
    this.#reading ??= this.#read().finally(() => this.#reading = undefined);
  }

  /** Resolves once watchers were notified of all earlier commits. */
  async idle(): Promise<void> {
    while (this.#reading) await this.#reading;
  }

  /** Resolves once the change from which watchers are notified is known. */
  async ready(): Promise<void> {
    if (this.#watchers > 0 && this.#cursor === undefined) await this.#reading;
  }

  /** Stops reading. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.idle();
  }

  async #read(): Promise<void> {
    while (this.#isRequested && this.#watchers > 0) {
      this.#isRequested = false;
      try {
        await this.#pool.use(async (session) => {
          if (this.#cursor === undefined) {
            const [row] = await session.run(this.#parts.sql.lastChange);
            this.#cursor = row?.[0] ?? 0;
          }
          for (let isFull = true; isFull && this.#cursor !== undefined;) {
            const part = await readChanges(session, this.#parts, this.#cursor);
            if (part.last !== undefined) this.#cursor = part.last;
            for (const change of part.changes) this.#notify(change);
            ({ isFull } = part);
          }
        });
      } catch {
        // The database is unavailable: the next rescan reads what was missed.
        return;
      }
    }
  }
}
