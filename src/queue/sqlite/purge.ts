/**
 * Deleting what became final long ago, with all that hangs on it.
 *
 * It is looked for in the order of acceptance, some rows at a time: an index
 * by the end would cost every settlement two pages more, and what was accepted
 * later than a moment has not ended before it.
 *
 * @module
 */

import { firstSequenceAt } from "../../lib/ids.ts";
import type { Purged } from "../engine.ts";
import { forgetOvertaken } from "./changes.ts";
import type { Ledger } from "./ledger.ts";

/** Rows looked at in one transaction; the next goes on from there. */
const GLANCE = 20_000;

/** Changes looked through for each task that may be deleted: it had three, and those that are kept have some. */
const OVERTAKEN_PER_TASK = 10;

interface Final {
  readonly seq: number;
  readonly state: number;
  readonly batch: number | null;
  readonly follows: number;
}

/** Deletes tasks that became final before then, as many as are found among the next few. */
export function purge(ledger: Ledger, finishedBefore: number, limit: number): Purged {
  const deliveries = Number(ledger.sql.purgeDeliveries.run(finishedBefore, limit).changes);
  const found = nextFinal(ledger, finishedBefore, limit);
  for (const task of found) drop(ledger, task);
  forgetOvertaken(ledger, limit * OVERTAKEN_PER_TASK);
  return { deleted: found.length, isOver: ledger.purgedTo === 0 && deliveries < limit };
}

/** Once all have been looked at, it begins anew: what waited long ends after its neighbours. */
function nextFinal(ledger: Ledger, finishedBefore: number, limit: number): Final[] {
  const { sql, purgedTo } = ledger;
  const end = firstSequenceAt(finishedBefore);
  const found = sql.finished
    .all(purgedTo, end, GLANCE, finishedBefore, limit) as unknown as Final[];
  const furthest = sql.furthest.get(purgedTo, end, GLANCE - 1) as { seq: number } | undefined;
  ledger.purgedTo = found.length === limit ? found.at(-1)?.seq ?? 0 : furthest?.seq ?? 0;
  return found;
}

function drop(ledger: Ledger, { seq, state, batch, follows }: Final): void {
  const { sql } = ledger;
  const body = sql.body.get(seq) as { spec: string } | undefined;
  for (const tag of tagsOf(body?.spec)) sql.dropTag.run(tag, seq);
  sql.dropTask.run(seq);
  sql.dropBody.run(seq);
  sql.dropAttempts.run(seq);
  if (follows) sql.dropFollowers.run(seq);
  sql.dropResult.run(seq);
  if (batch !== null) ledger.batches.move(batch, state, undefined);
  ledger.count(state, undefined);
}

function tagsOf(spec: string | undefined): string[] {
  try {
    return JSON.parse(spec ?? "").tags ?? [];
  } catch {
    return [];
  }
}
