/**
 * Changes of every node, told to this node's watchers in their order.
 *
 * Commits come in another order than the numbers that were drawn for them, so
 * readers stop at the last number before which nothing is under way. A change
 * that was overtaken before it was read is told of once, as its task now is.
 *
 * @module
 */

import { changeOf, isDone } from "../core/row.ts";
import type { TaskChange } from "../change.ts";
import type { Pool } from "./pool.ts";
import type { LaneTable } from "./lane_names.ts";
import { LANE_PLACE, ROW_WIDTH, rowFrom } from "./columns.ts";
import type { Sql } from "./sql.ts";
import type { Session } from "./connection.ts";
import { batchCountsFrom } from "./unit.ts";
import { isFinal } from "../../task/state.ts";

/** Transactions read in one go. */
const READ_AT_ONCE = 500;

/** A part of the changes, and where the next begins. */
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

/** Follows the changes while somebody watches. */
export class Tail {
  readonly #pool: Pool;
  readonly #parts: { sql: Sql; lanes: LaneTable };
  readonly #tell: (change: TaskChange) => void;
  #watchers = 0;
  #cursor: number | undefined;
  #reading: Promise<void> | undefined;
  #isAsked = false;
  #closed = false;

  constructor(
    pool: Pool,
    parts: { sql: Sql; lanes: LaneTable },
    tell: (change: TaskChange) => void,
  ) {
    this.#pool = pool;
    this.#parts = parts;
    this.#tell = tell;
  }

  /** Somebody watches, or no longer does. */
  watched(isWatched: boolean): void {
    this.#watchers += isWatched ? 1 : -1;
    if (this.#watchers === 0) this.#cursor = undefined;
    else if (this.#cursor === undefined) this.kick();
  }

  /** Something has changed. */
  kick(): void {
    if (this.#watchers === 0 || this.#closed) return;
    this.#isAsked = true;
    this.#reading ??= this.#read().finally(() => this.#reading = undefined);
  }

  /** Resolves once all that was committed before has been told. */
  async idle(): Promise<void> {
    while (this.#reading) await this.#reading;
  }

  /** Resolves once it is known where the watchers' changes begin. */
  async ready(): Promise<void> {
    if (this.#watchers > 0 && this.#cursor === undefined) await this.#reading;
  }

  /** Ends it. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.idle();
  }

  async #read(): Promise<void> {
    while (this.#isAsked && this.#watchers > 0) {
      this.#isAsked = false;
      try {
        await this.#pool.use(async (session) => {
          if (this.#cursor === undefined) {
            const [row] = await session.run(this.#parts.sql.lastChange);
            this.#cursor = row?.[0] ?? 0;
          }
          for (let isFull = true; isFull && this.#cursor !== undefined;) {
            const part = await readChanges(session, this.#parts, this.#cursor);
            if (part.last !== undefined) this.#cursor = part.last;
            for (const change of part.changes) this.#tell(change);
            ({ isFull } = part);
          }
        });
      } catch {
        // The database is away: the next look round reads what was missed.
        return;
      }
    }
  }
}
