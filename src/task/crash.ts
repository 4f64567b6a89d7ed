/**
 * The settlement of an attempt that a crash interrupted.
 *
 * @module
 */

import type { CancelReason, Settlement } from "./outcome.ts";
import type { RetrySchedule } from "./retry.ts";
import type { OnUnknown, TaskError } from "./task.ts";

/** What an engine knows of a task that was running when the process died. */
export interface InterruptedTask {
  /** `tsk_…` */
  readonly id: string;
  /** The interrupted attempt. */
  readonly attempt: number;
  /** When it began, in milliseconds since the epoch. */
  readonly startedAt: number;
  /** The waits before further attempts. */
  readonly retry: RetrySchedule;
  /** What to do when its effect is unknown. */
  readonly onUnknown: OnUnknown;
  /** Interrupted attempts in a row, this one included. */
  readonly interrupted: number;
  /** Why it was being aborted when the process died, if it was. */
  readonly aborting?: CancelReason;
  /** No attempt begins at or after it; milliseconds since the epoch. */
  readonly expiresAt?: number;
}

/** The error of an attempt that a crash interrupted. */
export const CRASHED: TaskError = {
  code: "crashed",
  detail: "The service stopped while this attempt was running; it may have had its effect.",
};

/** Interrupted attempts in a row before a task fails: it may be what ends the service. */
const MAX_INTERRUPTED = 3;

/**
 * The settlement of an attempt that a crash interrupted at an unknown point. It
 * counts, but a task without a try left gets one more; the third one in a row
 * ends the task.
 */
export function settleInterrupted(task: InterruptedTask, now: number): Settlement {
  const base = {
    id: task.id,
    attempt: task.attempt,
    at: now,
    record: {
      number: task.attempt,
      startedAt: task.startedAt,
      endedAt: now,
      outcome: "unknown",
      error: CRASHED,
    },
    possibleDuplicate: true,
  } as const;
  const delivery = "unknown";
  if (task.aborting) return { ...base, event: "cancel", reason: task.aborting, delivery };
  if (task.onUnknown === "stop") return { ...base, event: "fail", reason: "unknown", delivery };
  if (task.interrupted >= MAX_INTERRUPTED) {
    return { ...base, event: "fail", reason: "crashed", delivery };
  }
  if (task.expiresAt !== undefined && now >= task.expiresAt) {
    return { ...base, event: "expire", reason: "expired", delivery };
  }
  return { ...base, event: "retry", dueAt: now };
}
