/**
 * Making the tasks that follow an end, before anybody can see the end without them.
 *
 * @module
 */

import { compact } from "../../lib/compact.ts";
import { sequenceOf } from "../../lib/ids.ts";
import type { EndedTask } from "../../task/event_data.ts";
import { type EndContext, followUpsOf, followUpsOfBatch } from "../../task/follow_up.ts";
import type { NewTask } from "../../task/task.ts";
import { batchRecordOf, recordOf, type StoredBatch, type StoredTask } from "./store.ts";
import type { Ledger } from "./ledger.ts";
import { cancel } from "./cancel_retry.ts";

/** Makes what follows the tasks and batches that have ended since the last time. */
export function follow(ledger: Ledger): void {
  const context = { ids: ledger.ids, now: ledger.now() };
  for (const kept of ledger.ended.splice(0)) {
    const born = followUpsOf(recordOf(kept), kept.task.followUps ?? [], context);
    if (kept.task.followUps) ledger.erase(kept);
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
function followBatch(batch: StoredBatch, context: EndContext): NewTask[] {
  const record = batchRecordOf(batch);
  if (!record.done) return [];
  batch.armed = false;
  const tasks = [...batch.tasks].map(endedOf);
  return followUpsOfBatch(record, tasks, batch.batch.followUps ?? [], context);
}

function endedOf({ task, state, reason, error }: StoredTask): EndedTask {
  return {
    id: task.id,
    state,
    label: task.label,
    ...compact({ reason, error }),
  };
}
