/**
 * What every engine decides alike, beyond what `next` and `decide` say.
 *
 * @module
 */

import type { CancelReason, Settlement } from "../../task/outcome.ts";
import { next, TASK_STATES, type TaskEvent } from "../../task/state.ts";
import type { Delivery } from "../../task/task.ts";
import type { TaskFilter } from "../engine.ts";

/** How many tasks may wait unless somebody says otherwise. */
export const DEFAULT_MAX_QUEUED = 1_000_000;

/** A wait is cut here, so that a clock set forward is noticed. */
export const MAX_WAIT_MS = 5 * 60_000;

/** What became of a task that ends while it waits: an attempt that broke off may have had its effect. */
export function undelivered(possibleDuplicate: boolean): Delivery {
  return possibleDuplicate ? "unknown" : "not_delivered";
}

/** A task that somebody has cancelled while it ran does not go back to the queue. */
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

/** The same filter, less the states in which `event` cannot happen. */
export function allowing(filter: TaskFilter, event: TaskEvent): TaskFilter {
  const states = (filter.states ?? TASK_STATES).filter((state) => next(state, event));
  return { ...filter, states };
}

/**
 * When a revived task is due: at once, but for one that was never tried and
 * whose time has not come. A reminder for tomorrow stays one for tomorrow.
 */
export function revivedDueAt(
  { attempt, dueAt, now }: { attempt: number; dueAt: number; now: number },
): number {
  return attempt === 0 ? Math.max(dueAt, now) : now;
}
