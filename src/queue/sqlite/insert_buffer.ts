/**
 * New rows of the present transaction, written several by one statement: each
 * statement costs as much as a small row.
 *
 * @module
 */

import { GIVEN_SIZE, type Values } from "./file/rows.ts";
import type { Statements } from "./file/statements.ts";

const BODY_SIZE = 4;

/** New tasks of the present transaction that are not yet written. */
export class InsertBuffer {
  #sql: Statements;
  #tasks: Values = [];
  #bodies: Values = [];
  #rows = 0;

  constructor(sql: Statements) {
    this.#sql = sql;
  }

  /** Takes a row of `task` and one of `body`, in the order of their INSERTs. */
  add(task: Values, body: Values): void {
    this.#tasks.push(...task);
    this.#bodies.push(...body);
    if (++this.#rows === 16) this.#write(16);
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

  /** Drops what is not yet written, as after a rollback. */
  forget(): void {
    this.#tasks = [];
    this.#bodies = [];
    this.#rows = 0;
  }
}
