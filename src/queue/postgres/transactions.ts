/**
 * The database as the parts of the engine use it: its connections, and
 * transactions of the lifecycle on them.
 *
 * @module
 */

import { type IdSource, isId, sequenceOf } from "../../lib/ids.ts";
import type { Hosts } from "../../task/host_limits.ts";
import type { LaneHealth } from "../../task/lane_health.ts";
import { makeFollowUps } from "../core/follow_ups.ts";
import { Pauses } from "../core/pauses.ts";
import type { Row } from "../core/row.ts";
import { EngineError } from "../errors.ts";
import type { Outcome } from "./changed_rows.ts";
import { LANE_PLACE } from "./database/columns.ts";
import type { Rows, Statement } from "./database/connection.ts";
import { LaneTable } from "./lane_names.ts";
import type { Pool, PooledSession } from "./database/pool.ts";
import type { Sql } from "./database/sql.ts";
import { Unit } from "./unit.ts";

/** Tasks cancelled, retried, expired or recovered in one transaction. */
export const CHANGED_AT_ONCE = 500;

/** Reads more rows, before a change needs them. */
export type LoadMore = (unit: Unit) => Promise<void>;

/** What transactions need. */
export interface TransactionsParts {
  readonly sql: Sql;
  readonly schema: string;
  readonly readers: Pool;
  /** The engine's time, in milliseconds since the epoch. */
  readonly now: () => number;
  /** The number of this node. */
  readonly node: () => number;
  /** Makes the ids of follow-ups. */
  readonly ids: () => IdSource;
  /** Informs claims, timers, watchers and other nodes of a committed transaction. */
  readonly follow: (outcome: Outcome) => void;
}

/** The database of one engine. */
export class Transactions {
  readonly sql: Sql;
  readonly schema: string;
  readonly lanes: LaneTable;
  readonly readers: Pool;
  /** Set once the node has registered. */
  writers!: Pool;
  /** The limits that the operator has set for hosts. */
  hosts: Hosts = new Map();
  /** The pauses as last read. */
  readonly pauses = new Pauses();
  /** Whether a shutdown of this node has cancelled the queued tasks. */
  isShutDown = false;
  /** Whether the engine is closed. */
  isClosed = false;
  /** What is known of lanes that had faults, as of the last claim or settlement there. */
  readonly health = new Map<string, LaneHealth>();
  readonly now: () => number;
  readonly follow: (outcome: Outcome) => void;
  readonly #parts: TransactionsParts;

  constructor(parts: TransactionsParts) {
    this.#parts = parts;
    this.sql = parts.sql;
    this.schema = parts.schema;
    this.readers = parts.readers;
    this.lanes = new LaneTable(parts.sql);
    this.now = parts.now;
    this.follow = parts.follow;
  }

  /** Throws an `EngineError` once the engine is closed. */
  mustBeOpen(): void {
    if (this.isClosed) throw new EngineError("The queue is closed");
  }

  /** Runs one statement on a connection that only reads. */
  read(statement: Statement, ...values: readonly unknown[]): Promise<Rows> {
    this.mustBeOpen();
    return this.readers.use((session) => session.run(statement, ...values));
  }

  /** The same for rows of tasks, whose lanes are looked up. */
  async readTasks(statement: Statement, ...values: readonly unknown[]): Promise<Rows> {
    this.mustBeOpen();
    return await this.readers.use(async (session) => {
      const rows = await session.run(statement, ...values);
      await this.lanes.read(session, rows.map((row) => row[LANE_PLACE]));
      return rows;
    });
  }

  /** Stores the lanes of these names, in a transaction of its own. */
  async storeLanes(names: readonly string[]): Promise<void> {
    if (names.every((name) => this.lanes.has(name))) return;
    await this.readers.use((session) => this.lanes.store(session, names));
  }

  /** A view of the database for one transaction. */
  unit(session: PooledSession): Unit {
    return new Unit(session, {
      sql: this.sql,
      lanes: this.lanes,
      storeLanes: (names) => this.storeLanes(names),
      now: this.now(),
      ids: this.#parts.ids(),
      node: this.#parts.node(),
      closed: this.isShutDown,
      slot: session.slot,
      hosts: this.hosts,
      pauses: this.pauses,
    });
  }

  /** Remembers what is known of the lanes that a transaction has read. */
  noteHealth({ health }: Unit): void {
    for (const [lane, known] of health) {
      if (known) this.health.set(lane, known);
      else this.health.delete(lane);
    }
  }

  /** One transaction of the lifecycle; `false` rolls it back. What it brought is followed. */
  async write(work: (unit: Unit) => Promise<boolean>): Promise<void> {
    const outcome = await this.writers.transaction(async (session) => {
      const unit = this.unit(session);
      return await work(unit) ? await unit.write() : undefined;
    });
    if (outcome) this.follow(outcome);
  }

  /** Changes one task; `undefined` when there is none of that id. */
  async changeOne<Answer>(
    id: string,
    change: (unit: Unit, row: Row) => Answer,
    load: LoadMore = () => Promise.resolve(),
  ): Promise<Answer | undefined> {
    this.mustBeOpen();
    if (!isId("tsk", id)) return undefined;
    let answer: Answer | undefined;
    await this.write(async (unit) => {
      await unit.loadTasks([sequenceOf(id)]);
      const row = unit.row(sequenceOf(id));
      if (row?.id !== id) return false;
      await load(unit);
      answer = change(unit, row);
      makeFollowUps(unit);
      return true;
    });
    return answer;
  }

  /** Changes the tasks of these numbers in one transaction. */
  async changeSome(
    seqs: readonly number[],
    change: (unit: Unit, row: Row) => void,
    load: LoadMore = () => Promise.resolve(),
  ): Promise<void> {
    if (seqs.length === 0) return;
    await this.write(async (unit) => {
      await unit.loadTasks(seqs);
      await load(unit);
      for (const seq of seqs) {
        const row = unit.row(seq);
        if (row) change(unit, row);
      }
      makeFollowUps(unit);
      return true;
    });
  }
}
