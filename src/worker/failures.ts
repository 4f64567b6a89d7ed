/**
 * One log line for each task that failed for good, with what a person needs to act.
 *
 * @module
 */

import type { Clock } from "../lib/clock.ts";
import type { Log } from "../lib/log.ts";
import { sampleLines } from "../lib/sampled_log.ts";
import type { FailedTask } from "../queue/engine.ts";

/** Logs a failed task. */
export type LogFailed = (task: LoggedTask) => void;

/** What a line reports. */
export type LoggedTask = Omit<FailedTask, "reason"> & {
  /** Why it failed. */
  readonly reason: FailedTask["reason"] | undefined;
  /** The request that submitted it. */
  readonly requestId?: string | undefined;
};

/** Opens the log of failed tasks: at most one line a second of each error. */
export function openFailureLog(log: Log, clock: Clock, ending?: AbortSignal): LogFailed {
  const warn = sampleLines(log, clock, ending);
  return ({ id, type, lane, attempts, reason, error, requestId }) => {
    const { code, detail } = error;
    const next = nextStep(id, code);
    const fields = {
      task: id,
      type,
      target: lane,
      attempts,
      reason,
      code,
      detail,
      next,
      requestId,
    };
    warn(`failed ${code}`, "Task failed", fields, id);
  };
}

function nextStep(id: string, code: string): string {
  if (code === "damaged") return "submit it again, or restore a backup";
  const retry = `POST /tasks/${id}/retry`;
  return code === "crashed" ? `check whether it had its effect, then ${retry}` : retry;
}
