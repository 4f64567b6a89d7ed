/**
 * The tasks that have changed since a given change.
 *
 * Each transaction writes which tasks it changed. Its entry for a task is
 * overtaken when the task changes again; readers and `forgetOvertaken` check
 * that against the task. An index by the latest change would be rewritten at
 * each change of each task, which costs more than these checks.
 *
 * @module
 */

import type { TaskChange } from "../engine.ts";
import { changeOf } from "../core/row.ts";
import type { SqliteStorage } from "./storage.ts";

/** Tasks read in one go. */
const READ_AT_ONCE = 5_000;
/** Transactions read in one go. */
const MAX_ROWS = 1_000;

/** A part of what has changed; `next` is the change after which it goes on. */
export interface Changes {
  /** In the order of their latest changes. */
  readonly changes: TaskChange[];
  /** Absent at the end, and when there are as many as asked for. */
  readonly next?: number;
}

interface Changed {
  readonly change: number;
  readonly tasks: string;
}

/** Tasks changed after that change, each once, as many as are found among the next few. */
export function changesAfter(storage: SqliteStorage, change: number, limit: number): Changes {
  const changes: TaskChange[] = [];
  let seen = 0;
  for (const row of storage.sql.changed.iterate(change) as Iterable<unknown>) {
    const { change: upTo, tasks } = row as Changed;
    const numbers = numbersIn(tasks);
    const rows = numbers.flatMap((seq) => storage.row(seq) ?? [])
      .filter((row) => row.change > change && row.change <= upTo)
      .sort((a, b) => a.change - b.change);
    for (const row of rows) {
      changes.push(changeOf(row, row.batch === null ? undefined : storage.batch(row.batch)?.id));
    }
    if (changes.length >= limit) return { changes: changes.slice(0, limit) };
    seen += numbers.length;
    if (seen >= READ_AT_ONCE) return { changes, next: upTo };
  }
  return { changes };
}

/** A task that changed twice is listed once. */
function numbersIn(tasks: string): number[] {
  return [...new Set<number>(JSON.parse(tasks))];
}

/**
 * Removes changes that later ones have overtaken, or whose tasks are gone, among
 * the next `limit` or so; after the last one it starts over.
 */
export function forgetOvertaken(storage: SqliteStorage, limit: number): void {
  const { sql } = storage;
  let seen = 0;
  // The latest also says how many tasks there are.
  const rows = sql.changedBeforeLatest
    .all(storage.overtakenTo, MAX_ROWS) as unknown as Changed[];
  for (const { change, tasks } of rows) {
    const numbers = numbersIn(tasks);
    const left = numbers.filter((seq) => {
      const task = sql.changeOf.get(seq) as { change: number } | undefined;
      return task !== undefined && task.change <= change;
    });
    if (left.length === 0) sql.dropChanged.run(change);
    else if (left.length < numbers.length) sql.writeChanged.run(JSON.stringify(left), change);
    storage.overtakenTo = change;
    seen += numbers.length;
    if (seen >= limit) return;
  }
  if (rows.length < MAX_ROWS) storage.overtakenTo = 0;
}
