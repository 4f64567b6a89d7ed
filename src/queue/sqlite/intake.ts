/**
 * New rows on their way into the file, several by one statement.
 *
 * @module
 */

import type { SQLInputValue } from "node:sqlite";
import { ROWS_AT_ONCE, type Statements } from "./statements.ts";

/** New tasks of the present transaction that are not yet written. */
export class Intake {
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
    if (++this.#rows < ROWS_AT_ONCE) return;
    this.#sql.insertTasks.run(...this.#tasks);
    this.#sql.insertBodies.run(...this.#bodies);
    this.forget();
  }

  /** Writes what is left: to be done before anything reads. */
  flush(): void {
    const tasks = this.#tasks.length / this.#rows;
    const bodies = this.#bodies.length / this.#rows;
    for (let row = 0; row < this.#rows; row++) {
      this.#sql.insertTask.run(...this.#tasks.slice(row * tasks, (row + 1) * tasks));
      this.#sql.insertBody.run(...this.#bodies.slice(row * bodies, (row + 1) * bodies));
    }
    this.forget();
  }

  /** Drops what is not yet written, as after a rollback. */
  forget(): void {
    this.#tasks = [];
    this.#bodies = [];
    this.#rows = 0;
  }
}
