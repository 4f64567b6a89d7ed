/**
 * Counts queued tasks by what they wait for, exactly and without reading them.
 *
 * Whether a task's time has come changes without any transaction. So the counts
 * are those of a moment, `asOf`, and every transaction keeps them right for that
 * moment. A reader moves the moment forward, which reads each task whose time has
 * come meanwhile from an index, once.
 *
 * @module
 */

import type { Row } from "../core/row.ts";
import { queuedKindOf } from "../core/rules.ts";
import type { QueuedKinds } from "../engine.ts";
import type { Statements } from "./file/statements.ts";

/** Counts of queued tasks that are not due, as of the present transaction. */
export class QueuedCounts {
  #sql: Statements;
  #asOf = 0;
  #counts = { scheduled: 0, retrying: 0, paused: 0 };

  constructor(sql: Statements) {
    this.#sql = sql;
  }

  /** Reads them from the file. */
  load(now: number, generation: number): void {
    this.#asOf = now;
    const later = this.#later(now, Number.MAX_SAFE_INTEGER, generation);
    const { tasks } = this.#sql.pausedCount.get(generation) as { tasks: number };
    this.#counts = { ...later, paused: tasks };
  }

  /** Nothing is queued any more. */
  clear(): void {
    this.#counts = { scheduled: 0, retrying: 0, paused: 0 };
  }

  /** One task more (1) or fewer (-1), as it now is. */
  add(row: Row, by: 1 | -1): void {
    const kind = queuedKindOf(row, this.#asOf);
    if (kind !== "due") this.#counts[kind] += by;
  }

  /** The counts at `now`; the rest of `queued` is due. */
  at(now: number, generation: number, queued: number): Omit<QueuedKinds, "oldestDueAt"> {
    if (now > this.#asOf) {
      const due = this.#later(this.#asOf, now, generation);
      this.#counts.scheduled -= due.scheduled;
      this.#counts.retrying -= due.retrying;
      this.#asOf = now;
    }
    const { scheduled, retrying, paused } = this.#counts;
    return { due: queued - scheduled - retrying - paused, scheduled, retrying, paused };
  }

  #later(after: number, until: number, generation: number) {
    const counts = { scheduled: 0, retrying: 0 };
    const rows = this.#sql.later.all(after, until, generation);
    for (const { retrying, tasks } of rows as { retrying: number; tasks: number }[]) {
      counts[retrying ? "retrying" : "scheduled"] = tasks;
    }
    return counts;
  }
}
