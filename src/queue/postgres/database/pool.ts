/**
 * A small pool of connections, and the transactions that run on them.
 *
 * @module
 */

import { sleep, systemClock } from "../../../lib/clock.ts";
import { EngineAwayError, EngineError } from "../../errors.ts";
import {
  Connection,
  type ConnectionOptions,
  isWorthAnotherTry,
  type Session,
} from "./connection.ts";
import type { Sql } from "./sql.ts";

/** A connection from the pool, with its own row in the `tally` table. */
export interface PooledSession extends Session {
  /** The number of that row. */
  readonly slot: number;
}

/** Attempts at one transaction that deadlocks with others. */
const MAX_TRIES = 10;

/** Connections for one purpose. */
export class Pool {
  readonly #options: ConnectionOptions;
  readonly #sql: Sql;
  readonly #free: Connection[] = [];
  readonly #slots: number[];
  readonly #waiting: PromiseWithResolvers<void>[] = [];
  #closed = false;

  /** At most as many connections as there are slots. */
  constructor(options: ConnectionOptions, sql: Sql, slots: readonly number[]) {
    this.#options = options;
    this.#sql = sql;
    this.#slots = [...slots];
  }

  /** Runs `work` on a connection: each statement is a transaction of its own. */
  async use<T>(work: (session: PooledSession) => Promise<T>): Promise<T> {
    const { connection, slot } = await this.#take();
    try {
      return await work({ slot, run: connection.run.bind(connection) });
    } finally {
      this.#give(connection, slot);
    }
  }

  /** Runs `work` as one transaction, and repeats it after a deadlock; `undefined` rolls it back. */
  async transaction<T>(
    work: (session: PooledSession) => Promise<T | undefined>,
  ): Promise<T | undefined> {
    for (let tries = 1;; tries++) {
      try {
        return await this.use((session) => this.#once(session, work));
      } catch (error) {
        if (tries === MAX_TRIES || !isWorthAnotherTry(error)) throw error;
        await sleep(systemClock, this.#options.random() * 20 * tries);
      }
    }
  }

  async #once<T>(
    session: PooledSession,
    work: (session: PooledSession) => Promise<T | undefined>,
  ): Promise<T | undefined> {
    await session.run(this.#sql.begin);
    let value: T | undefined;
    try {
      value = await work(session);
    } catch (error) {
      if (!(error instanceof EngineAwayError)) await session.run(this.#sql.rollback);
      throw error;
    }
    await session.run(value === undefined ? this.#sql.rollback : this.#sql.commit);
    return value;
  }

  /** Closes free connections at once, and the others when they are given back. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const { reject } of this.#waiting.splice(0)) {
      reject(new EngineError("The queue is closed"));
    }
    await Promise.all(this.#free.splice(0).map((connection) => connection.close()));
  }

  async #take(): Promise<{ connection: Connection; slot: number }> {
    for (;;) {
      if (this.#closed) throw new EngineError("The queue is closed");
      const slot = this.#slots.pop();
      if (slot === undefined) {
        const turn = Promise.withResolvers<void>();
        this.#waiting.push(turn);
        await turn.promise;
        continue;
      }
      let connection = this.#free.pop();
      while (connection && !connection.isUsable) connection = this.#free.pop();
      try {
        return { connection: connection ?? await Connection.open(this.#options), slot };
      } catch (error) {
        this.#slots.push(slot);
        this.#wakeOne();
        throw error;
      }
    }
  }

  #give(connection: Connection, slot: number): void {
    this.#slots.push(slot);
    if (this.#closed) connection.close();
    else if (connection.isUsable) this.#free.push(connection);
    this.#wakeOne();
  }

  #wakeOne(): void {
    this.#waiting.shift()?.resolve();
  }
}
