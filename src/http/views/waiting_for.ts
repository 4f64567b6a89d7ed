/**
 * What a waiting task waits for, in words.
 *
 * @module
 */

import { type LaneStatus, type Pause, pauseCovers } from "../../queue/engine.ts";
import type { WorkerStatus } from "../../task/ports.ts";
import type { TaskSummary } from "../../task/task.ts";
import { timeView } from "./time_view.ts";
import { itsTime } from "./task_view.ts";

/** What a task may have to wait for now. */
export interface WaitCauses {
  /** Its lane. */
  readonly lane: LaneStatus;
  /** The pauses that are in force. */
  readonly pauses: readonly Pause[];
  /** Who attempts it. */
  readonly worker: Pick<WorkerStatus, "running" | "concurrency">;
}

/** A sentence's end behind "it waits for"; `undefined` for a task that waits for nothing but its turn. */
export function waitingFor(
  task: TaskSummary,
  { lane, pauses, worker }: WaitCauses,
  now: number,
): string | undefined {
  const { state, dueAt = 0, attempt, behind, key } = task;
  if (state !== "queued") return undefined;
  const pause = pauses.find((pause) => pauseCovers(pause, task));
  if (pause) return pauseText(pause);
  const held = lane.heldUntil !== undefined && lane.heldUntil > Math.max(now, dueAt);
  if (held) {
    const why = lane.reason === undefined ? "" : `: ${lane.reason}`;
    return `${lane.lane}, which is held until ${timeView(lane.heldUntil)}${why}`;
  }
  if (dueAt > now) return attempt > 0 ? `its next attempt, ${timeView(dueAt)}` : itsTime(dueAt);
  if (behind === "key") return `earlier tasks of its key ${JSON.stringify(key)}`;
  if (behind === "batch") return "others of its batch: its concurrency limit is reached";
  if (lane.running >= lane.limit) {
    return `the concurrency limit of ${lane.lane}: ${lane.running} of ${lane.limit} running`;
  }
  if (worker.running >= worker.concurrency) {
    return `POSTRIDER_CONCURRENCY: ${worker.running} of ${worker.concurrency} attempts running`;
  }
  return undefined;
}

function pauseText({ id, until, reason, by }: Pause): string {
  const end = until === undefined ? "" : ` until ${timeView(until)}`;
  const why = reason === undefined ? "" : `: ${reason}`;
  return `the pause ${id} of ${by}${end}${why}`;
}
