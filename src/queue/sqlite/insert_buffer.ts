/**
 * New tasks of the present transaction that are not yet written. Several are
 * written by one statement, since each statement costs as much as a small row. A
 * task whose attempt begins before that is written once, as running.
 *
 * @module
 */

import type { Row } from "../core/row.ts";
import { type Body, pushBegun, pushGiven, type Values } from "./file/rows.ts";
import type { Statements } from "./file/statements.ts";

/** A new task. */
export interface NewTask {
  readonly row: Row;
  /** The number of its lane. */
  readonly lane: number;
  readonly body: Body;
}

/** As many are held back at most. */
const MOST = 64;
/** How many rows the statements write. */
const ROWS = [16, 4, 1] as const;
const NOTHING: Values = [null, null, null, null];

/** New tasks of the present transaction that are not yet written. */
export class InsertBuffer {
  #sql: Statements;
  #tasks: NewTask[] = [];
  readonly #numbers = new Set<number>();

  constructor(sql: Statements) {
    this.#sql = sql;
  }

  /** Takes a new task. */
  add(task: NewTask): void {
    if (task.body.payload instanceof Uint8Array) {
      this.flush();
      return this.#writeLong(task);
    }
    this.#tasks.push(task);
    this.#numbers.add(task.row.seq);
    if (this.#tasks.length === MOST) this.flush();
  }

  /** Those of a lane and priority that are due then and wait for nothing else, in the order of acceptance. */
  due(lane: number, priority: number, until: number): NewTask[] {
    return this.#tasks.filter((task) => isReady(task, lane, priority) && task.row.dueAt <= until);
  }

  /** When the first of a lane and priority is due; infinity for none. */
  nextDueAt(lane: number, priority: number): number {
    let first = Infinity;
    for (const task of this.#tasks) {
      if (isReady(task, lane, priority)) first = Math.min(first, task.row.dueAt);
    }
    return first;
  }

  /** Whether the task of that number is one of them. */
  holds(seq: number): boolean {
    return this.#numbers.has(seq);
  }

  /** Whether nothing remains to be done for a change of this row: it will be written as it is. */
  takes(row: Row): boolean {
    return this.holds(row.seq) && row.state === "running" && row.attempt === 1 &&
      row.aborting === null;
  }

  /** Writes all of them, which has to be done before anything else is read. */
  flush(): void {
    if (this.#tasks.length === 0) return;
    const tasks = this.#tasks;
    this.forget();
    const hasBegun = ({ row }: NewTask) => row.state === "running";
    this.#write(tasks.filter((task) => !hasBegun(task)), "insertTasks", pushTask);
    this.#write(tasks.filter(hasBegun), "insertBegun", pushBegunTask);
    this.#write(tasks, "insertBodies", pushBody);
  }

  #write(
    tasks: readonly NewTask[],
    statement: "insertTasks" | "insertBegun" | "insertBodies",
    push: (values: Values, task: NewTask) => void,
  ): void {
    let at = 0;
    for (const rows of ROWS) {
      while (tasks.length - at >= rows) {
        const values: Values = [];
        for (const end = at + rows; at < end; at++) push(values, tasks[at]!);
        this.#sql[`${statement}${rows}`].run(...values);
      }
    }
  }

  /** A statement keeps a copy of its values until it runs again, so it runs once more with nulls. */
  #writeLong(task: NewTask): void {
    this.#write([task], "insertTasks", pushTask);
    const values: Values = [];
    pushBody(values, task);
    this.#sql.insertLongBody.run(...values);
    this.#sql.insertLongBody.run(...NOTHING);
  }

  /** Drops what is not yet written, as after a rollback. */
  forget(): void {
    this.#tasks = [];
    this.#numbers.clear();
  }
}

function isReady({ row, lane }: NewTask, ofLane: number, priority: number): boolean {
  return lane === ofLane && row.priority === priority && row.state === "queued" && row.behind === 0;
}

function pushTask(values: Values, { row, lane }: NewTask): void {
  pushGiven(values, row, lane);
}

function pushBegunTask(values: Values, { row, lane }: NewTask): void {
  pushBegun(values, row, lane);
}

function pushBody(values: Values, { row, body }: NewTask): void {
  values.push(row.seq, body.checksum, body.spec, body.payload);
}
