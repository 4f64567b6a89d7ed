/**
 * New rows of the present transaction, written several by one statement: each
 * statement costs as much as a small row.
 *
 * @module
 */

import type { Content, Row } from "../core/row.ts";
import { GIVEN_SIZE, pushGiven, type Values } from "./file/rows.ts";
import type { Statements } from "./file/statements.ts";

const BODY_SIZE = 4;
const NOTHING: Values = [null, null, null, null];

/** New tasks of the present transaction that are not yet written. */
export class InsertBuffer {
  #sql: Statements;
  #tasks: Values = [];
  #bodies: Values = [];
  #rows = 0;

  constructor(sql: Statements) {
    this.#sql = sql;
  }

  /** Takes a row of `task`, with the number of its lane, and one of `body`. */
  add(row: Row, lane: number, checksum: number, { spec, payload }: Content): void {
    const isLong = payload instanceof Uint8Array;
    if (isLong) this.flush();
    pushGiven(this.#tasks, row, lane);
    this.#bodies.push(row.seq, checksum, spec, payload);
    this.#rows++;
    if (isLong) this.#writeLong();
    else if (this.#rows === 16) this.#write(16);
  }

  /** Writes what is left, which has to be done before anything is read. */
  flush(): void {
    for (const rows of [4, 1] as const) while (this.#rows >= rows) this.#write(rows);
  }

  #write(rows: 16 | 4 | 1): void {
    this.#sql[`insertTasks${rows}`].run(...this.#tasks.splice(0, rows * GIVEN_SIZE));
    this.#sql[`insertBodies${rows}`].run(...this.#bodies.splice(0, rows * BODY_SIZE));
    this.#rows -= rows;
  }

  /** A statement keeps a copy of its values until it runs again, so it runs once more with nulls. */
  #writeLong(): void {
    this.#sql.insertTasks1.run(...this.#tasks.splice(0));
    this.#sql.insertLongBody.run(...this.#bodies.splice(0));
    this.#sql.insertLongBody.run(...NOTHING);
    this.#rows = 0;
  }

  /** Drops what is not yet written, as after a rollback. */
  forget(): void {
    this.#tasks = [];
    this.#bodies = [];
    this.#rows = 0;
  }
}
