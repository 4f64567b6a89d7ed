/**
 * Deletes what became final long ago, with all that belongs to it.
 *
 * It reads in the order of acceptance, some rows at a time: an index by the end
 * would cost every settlement two pages more, and a task that was accepted
 * after a moment has not ended before it.
 *
 * @module
 */

import { firstSequenceAt } from "../../lib/ids.ts";
import type { Purged } from "../engine.ts";
import { forgetOvertaken } from "./changes.ts";
import { TASK_STATES, type TaskState } from "../../task/state.ts";
import type { SqliteStorage } from "./storage.ts";

/** Rows read in one transaction; the next goes on from there. */
const READ_AT_ONCE = 20_000;

/** Changes read for each task that may be deleted: it had three, and those that stay have some. */
const OVERTAKEN_PER_TASK = 10;

interface Final {
  readonly seq: number;
  readonly state: number;
  readonly batch: number | null;
  readonly follows: number;
}

/** Deletes tasks that became final before then, as many as are found among the next few. */
export function purge(storage: SqliteStorage, finishedBefore: number, limit: number): Purged {
  const deliveries = Number(storage.sql.purgeDeliveries.run(finishedBefore, limit).changes);
  const found = nextFinal(storage, finishedBefore, limit);
  for (const task of found) drop(storage, task);
  forgetOvertaken(storage, limit * OVERTAKEN_PER_TASK);
  return { deleted: found.length, isOver: storage.purgedTo === 0 && deliveries < limit };
}

/** When all have been read, it begins again: a task that waited long ends after its neighbours. */
function nextFinal(storage: SqliteStorage, finishedBefore: number, limit: number): Final[] {
  const { sql, purgedTo } = storage;
  const end = firstSequenceAt(finishedBefore);
  const found = sql.finished
    .all(purgedTo, end, READ_AT_ONCE, finishedBefore, limit) as unknown as Final[];
  const furthest = sql.furthest.get(purgedTo, end, READ_AT_ONCE - 1) as { seq: number } | undefined;
  storage.purgedTo = found.length === limit ? found.at(-1)?.seq ?? 0 : furthest?.seq ?? 0;
  return found;
}

function drop(storage: SqliteStorage, { seq, state, batch, follows }: Final): void {
  const { sql } = storage;
  const body = sql.spec.get(seq) as { spec: string } | undefined;
  for (const tag of tagsOf(body?.spec)) sql.dropTag.run(tag, seq);
  sql.dropTask.run(seq);
  sql.dropBody.run(seq);
  sql.dropAttempts.run(seq);
  if (follows) sql.dropFollowUps.run(seq);
  sql.dropResult.run(seq);
  const name = TASK_STATES[state] as TaskState;
  const of = batch === null ? undefined : storage.batch(batch);
  if (of) {
    of.counts[name]--;
    storage.batchChanged(of);
  }
  storage.count(name, undefined);
}

function tagsOf(spec: string | undefined): string[] {
  try {
    return JSON.parse(spec ?? "").tags ?? [];
  } catch {
    return [];
  }
}
