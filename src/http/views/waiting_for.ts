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

/** What holds a waiting task back. */
export interface WaitCause {
  /**
   * `pause`: an operator; `hold`: a server's answer or a breaker; `time` and `retry`:
   * its own time; `key`, `batch`, `lane` and `worker`: other tasks.
   */
  readonly kind: "pause" | "hold" | "time" | "retry" | "key" | "batch" | "lane" | "worker";
  /** The end of a sentence that begins with "it waits for". */
  readonly text: string;
  /** When it ends, as far as that is known; milliseconds since the epoch. */
  readonly until?: number | undefined;
  /** The pause. */
  readonly pause?: Pause;
}

/** The end of a sentence that begins with "it waits for"; `undefined` for a task that waits for nothing but its turn. */
export function waitingFor(task: TaskSummary, causes: WaitCauses, now: number): string | undefined {
  return waitCause(task, causes, now)?.text;
}

/** What holds a task back; `undefined` for one that waits for nothing but its turn. */
export function waitCause(
  task: TaskSummary,
  { lane, pauses, worker }: WaitCauses,
  now: number,
): WaitCause | undefined {
  const { state, dueAt = 0, attempt, behind, key } = task;
  if (state !== "queued") return undefined;
  const pause = pauses.find((pause) => pauseCovers(pause, task));
  if (pause) return { kind: "pause", text: pauseText(pause), until: pause.until, pause };
  const held = lane.heldUntil !== undefined && lane.heldUntil > Math.max(now, dueAt);
  if (held) {
    const why = lane.reason === undefined ? "" : `: ${lane.reason}`;
    const text = `${lane.lane}, which is held until ${timeView(lane.heldUntil)}${why}`;
    return { kind: "hold", text, until: lane.heldUntil };
  }
  if (dueAt > now) {
    return attempt > 0
      ? { kind: "retry", text: `its next attempt, ${timeView(dueAt)}`, until: dueAt }
      : { kind: "time", text: itsTime(dueAt), until: dueAt };
  }
  if (behind === "key") {
    return { kind: "key", text: `earlier tasks of its key ${JSON.stringify(key)}` };
  }
  if (behind === "batch") {
    return {
      kind: "batch",
      text: "other tasks of its batch: the batch's concurrency limit is reached",
    };
  }
  if (lane.running >= lane.limit) {
    const text = `the concurrency limit of ${lane.lane}: ${lane.running} of ${lane.limit} running`;
    return { kind: "lane", text };
  }
  if (worker.running >= worker.concurrency) {
    const text =
      `POSTRIDER_CONCURRENCY: ${worker.running} of ${worker.concurrency} attempts running`;
    return { kind: "worker", text };
  }
  return undefined;
}

function pauseText({ id, until, reason, by }: Pause): string {
  const end = until === undefined ? "" : ` until ${timeView(until)}`;
  const why = reason === undefined ? "" : `: ${reason}`;
  return `the pause ${id} of ${by}${end}${why}`;
}
