/**
 * New rows on their way into the file, several by one statement.
 *
 * @module
 */

import type { SQLInputValue } from "node:sqlite";
import type { Statements } from "./file/statements.ts";

/** As many values as a row of each INSERT has question marks. */
const TASK_VALUES = 18;
const BODY_VALUES = 4;

/** New tasks of the present transaction that are not yet written. */
export class InsertBuffer {
  #sql: Statements;
  #tasks: SQLInputValue[] = [];
  #bodies: SQLInputValue[] = [];
  #rows = 0;

  constructor(sql: Statements) {
    this.#sql = sql;
  }

  /** Takes a row of `task` and one of `body`, in the order of their INSERTs. */
  add(task: readonly SQLInputValue[], body: readonly SQLInputValue[]): void {
    this.#tasks.push(...task);
    this.#bodies.push(...body);
    if (++this.#rows === 16) this.#write(16);
  }

  /** Writes what is left: to be done before anything reads. */
  flush(): void {
    for (const rows of [4, 1] as const) while (this.#rows >= rows) this.#write(rows);
  }

  #write(rows: 16 | 4 | 1): void {
    this.#sql[`insertTasks${rows}`].run(...this.#tasks.splice(0, rows * TASK_VALUES));
    this.#sql[`insertBodies${rows}`].run(...this.#bodies.splice(0, rows * BODY_VALUES));
    this.#rows -= rows;
  }

  /** Drops what is not yet written, as after a rollback. */
  forget(): void {
    this.#tasks = [];
    this.#bodies = [];
    this.#rows = 0;
  }
}
