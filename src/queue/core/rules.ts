/**
 * Small decisions of the lifecycle, without any I/O.
 *
 * @module
 */

import type { CancelReason, Settlement } from "../../task/outcome.ts";
import { next, TASK_STATES, type TaskEvent } from "../../task/state.ts";
import type { Delivery } from "../../task/task.ts";
import type { QueuedKind, TaskFilter } from "../engine.ts";
import { BEHIND, type Row } from "./row.ts";

/** How many tasks may be queued when no setting says otherwise. */
export const DEFAULT_MAX_QUEUED = 1_000_000;

/** Longer waits are cut to this, so that a clock set forward is noticed. */
export const MAX_WAIT_MS = 5 * 60_000;

/** The delivery of a task that ends while it waits; an interrupted attempt may have had its effect. */
export function undelivered(possibleDuplicate: boolean): Delivery {
  return possibleDuplicate ? "unknown" : "not_delivered";
}

/** Makes a queued row read as one that a shutdown has cancelled; `at` is when that was. */
export function cancelByShutdown(row: Row, at: number): void {
  row.state = "cancelled";
  row.reason = "shutdown";
  row.delivery = undelivered(row.duplicate);
  row.finishedAt = at;
}

/** A task that was cancelled while it ran does not go back to the queue. */
export function overrule<Some extends Omit<Settlement, "record" | "result" | "carry">>(
  settlement: Some,
  cancelled: CancelReason | undefined,
  possibleDuplicate: boolean,
): Some {
  const { event } = settlement;
  if (cancelled === undefined || (event !== "retry" && event !== "release")) return settlement;
  const delivery = undelivered(possibleDuplicate || settlement.possibleDuplicate === true);
  return { ...settlement, event: "cancel", reason: cancelled, delivery };
}

/** The filter without the states in which `event` cannot happen. */
export function allowing(filter: TaskFilter, event: TaskEvent): TaskFilter {
  const states = (filter.states ?? TASK_STATES).filter((state) => next(state, event));
  return { ...filter, states };
}

/**
 * When a revived task is due: now, unless it was never tried and its own time
 * has not come. A reminder for tomorrow stays one for tomorrow.
 */
export function revivedDueAt(
  { attempt, dueAt, now }: { attempt: number; dueAt: number; now: number },
): number {
  return attempt === 0 ? Math.max(dueAt, now) : now;
}

/** Whether tasks that have expired meanwhile become `expired` when all that match are revived. */
export function keepsExpiry({ states, reason }: TaskFilter): boolean {
  return reason !== "expired" && states?.includes("expired") !== true;
}

/** Whether a lane is one that is not used any more; see `QueueEngine.moveLanes`. */
export function isUnused(lane: string, prefixes: readonly string[], used: readonly string[]) {
  return prefixes.some((prefix) => lane.startsWith(prefix)) && !used.includes(lane);
}

/** What a queued task waits for; `later` is the moment after which its time has not come. */
export function queuedKindOf(
  { behind, dueAt, createdAt, attempt }: Pick<Row, "behind" | "dueAt" | "createdAt" | "attempt">,
  later: number,
): QueuedKind {
  if (behind & BEHIND.pause) return "paused";
  if (dueAt <= later || dueAt <= createdAt) return "due";
  return attempt > 0 ? "retrying" : "scheduled";
}
