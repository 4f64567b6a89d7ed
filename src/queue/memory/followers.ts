/**
 * Making the tasks that follow an end, before anybody can see the end without them.
 *
 * @module
 */

import { sequenceOf } from "../../lib/ids.ts";
import type { EndedTask } from "../../task/facts.ts";
import { type EndContext, followersOf, followersOfBatch } from "../../task/follower.ts";
import type { NewTask } from "../../task/task.ts";
import { batchRecordOf, type Kept, type KeptBatch, recordOf } from "./kept.ts";
import type { Ledger } from "./ledger.ts";
import { cancel } from "./wishes.ts";

/** Makes what follows the tasks and batches that have ended since the last time. */
export function follow(ledger: Ledger): void {
  const context = { ids: ledger.ids, now: ledger.now() };
  for (const kept of ledger.ended.splice(0)) {
    const born = followersOf(recordOf(kept), kept.task.followers ?? [], context);
    if (kept.task.followers) ledger.erase(kept);
    if (kept.batch?.armed && kept.reason !== "shutdown" && !ledger.closed) {
      born.push(...followBatch(kept.batch, context));
    }
    for (const task of born) {
      const child = ledger.add(task, sequenceOf(task.id));
      // Made after a shutdown, by the end of what still ran: cancelled like all that waits.
      if (ledger.closed) cancel(ledger, child, "shutdown");
    }
  }
}

/** A batch acts once. */
function followBatch(batch: KeptBatch, context: EndContext): NewTask[] {
  const record = batchRecordOf(batch);
  if (!record.done) return [];
  batch.armed = false;
  const tasks = [...batch.tasks].map(endedOf);
  return followersOfBatch(record, tasks, batch.batch.followers ?? [], context);
}

function endedOf({ task, state, reason, error }: Kept): EndedTask {
  return {
    id: task.id,
    state,
    label: task.label,
    ...(reason === undefined ? {} : { reason }),
    ...(error === undefined ? {} : { error }),
  };
}
