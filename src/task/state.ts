/**
 * What can happen to a task, and what it is afterwards.
 *
 * ```text
 *              claim                succeed
 *  queued ───────────────▶ running ─────────▶ succeeded
 *    ▲  │                   │ │ └── fail ────▶ failed
 *    │  ├─ cancel ──────────┼─┼── cancel ────▶ cancelled
 *    │  └─ expire           │ └── expire ────▶ expired
 *    └── retry / release ───┘      (failed, cancelled, expired: revive makes it queued again)
 * ```
 *
 * Every engine asks `next`; none repeats the table.
 *
 * @module
 */

/** The state of a task. A queued task may still wait for its time or for its next attempt. */
export type TaskState = "queued" | "running" | "succeeded" | "failed" | "cancelled" | "expired";

/** What can happen to a task. */
export type TaskEvent =
  | "claim"
  | "succeed"
  | "fail"
  | "retry"
  | "release"
  | "cancel"
  | "expire"
  | "revive";

/** The six states, in the order in which they are listed everywhere. */
export const TASK_STATES: readonly TaskState[] = [
  "queued",
  "running",
  "succeeded",
  "failed",
  "cancelled",
  "expired",
];

/** How many tasks are in each state. */
export type Counts = Record<TaskState, number>;

const transitions: Record<TaskState, Partial<Record<TaskEvent, TaskState>>> = {
  queued: { claim: "running", cancel: "cancelled", expire: "expired" },
  running: {
    succeed: "succeeded",
    fail: "failed",
    cancel: "cancelled",
    expire: "expired",
    retry: "queued",
    release: "queued",
  },
  succeeded: {},
  failed: { revive: "queued" },
  cancelled: { revive: "queued" },
  expired: { revive: "queued" },
};

/** The state after `event`, or `undefined` when it cannot happen to a task in `state`. */
export function next(state: TaskState, event: TaskEvent): TaskState | undefined {
  return transitions[state][event];
}

/** Whether a task stays in this state unless it is retried by hand. */
export function isFinal(state: TaskState): boolean {
  return state !== "queued" && state !== "running";
}

/** Counts with no task in any state. */
export function noCounts(): Counts {
  return { queued: 0, running: 0, succeeded: 0, failed: 0, cancelled: 0, expired: 0 };
}
