/**
 * What has changed since somebody last looked.
 *
 * Each transaction writes down which tasks it changed. What it says of a task
 * is overtaken once that changes again: an index by the latest change would be
 * rewritten at each change of each task, and costs more than to look again.
 *
 * @module
 */

import type { TaskChange } from "../engine.ts";
import type { Ledger } from "./ledger.ts";
import { type Row, stateOf } from "./file/rows.ts";

/** Tasks looked at in one go. */
const GLANCE = 5_000;
/** Transactions looked through in one go. */
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
export function changesAfter(ledger: Ledger, change: number, limit: number): Changes {
  const changes: TaskChange[] = [];
  let seen = 0;
  for (const row of ledger.sql.changed.iterate(change) as Iterable<unknown>) {
    const { change: upTo, tasks } = row as Changed;
    const numbers = numbersIn(tasks);
    const rows = numbers.flatMap((seq) => ledger.rowOf(seq) ?? [])
      .filter((row) => row.change > change && row.change <= upTo)
      .sort((a, b) => a.change - b.change);
    for (const row of rows) changes.push(changeOf(ledger, row));
    if (changes.length >= limit) return { changes: changes.slice(0, limit) };
    seen += numbers.length;
    if (seen >= GLANCE) return { changes, next: upTo };
  }
  return { changes };
}

/** A task that changed twice is told of once. */
function numbersIn(tasks: string): number[] {
  return [...new Set<number>(JSON.parse(tasks))];
}

function changeOf(ledger: Ledger, row: Row): TaskChange {
  const batch = row.batch === null ? undefined : ledger.batches.get(row.batch);
  return {
    id: row.id,
    type: row.type,
    state: stateOf(row),
    attempt: row.attempt,
    at: row.finished_at ?? Math.max(row.created_at, row.started_at ?? 0),
    change: row.change,
    ...(batch ? { batchId: batch.id } : {}),
  };
}

/**
 * Forgets what has been overtaken, or is of tasks that are no more, among the
 * next `limit` or so that were written down; at the end it begins anew.
 */
export function forgetOvertaken(ledger: Ledger, limit: number): void {
  const { sql } = ledger;
  let seen = 0;
  // The latest also says how many tasks there are.
  const rows = sql.changedBeforeLatest
    .all(ledger.overtakenTo, MAX_ROWS) as unknown as Changed[];
  for (const { change, tasks } of rows) {
    const numbers = numbersIn(tasks);
    const left = numbers.filter((seq) => {
      const task = sql.changeOf.get(seq) as { change: number } | undefined;
      return task !== undefined && task.change <= change;
    });
    if (left.length === 0) sql.dropChanged.run(change);
    else if (left.length < numbers.length) sql.writeChanged.run(JSON.stringify(left), change);
    ledger.overtakenTo = change;
    seen += numbers.length;
    if (seen >= limit) return;
  }
  if (rows.length < MAX_ROWS) ledger.overtakenTo = 0;
}
