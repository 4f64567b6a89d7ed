/**
 * The changes that watchers are notified of.
 *
 * @module
 */

import type { CancelReason } from "../task/outcome.ts";
import type { TaskState } from "../task/state.ts";
import type { TaskType } from "../task/task.ts";

/** One change of one task. */
export interface TaskChange {
  /** `tsk_…` */
  readonly id: string;
  /** Notification or request. */
  readonly type: TaskType;
  /** Its state after the change. */
  readonly state: TaskState;
  /** Attempts begun since it was accepted or revived. */
  readonly attempt: number;
  /** When it changed, in milliseconds since the epoch. */
  readonly at: number;
  /** Ascending over all tasks of the engine. */
  readonly change: number;
  /** Its batch. */
  readonly batchId?: string;
  /** Set when this change makes its batch done. */
  readonly batchDone?: true;
  /** Set when the task is final and was erased (`retain: "none"`). */
  readonly erased?: true;
  /** Set when a running task is to be aborted: the reason. */
  readonly abort?: CancelReason;
}

/** The changes that a watcher is notified of. */
export type Watched =
  | { readonly task: string }
  | { readonly batch: string }
  | "running" // requests to abort a running task
  | "final" // tasks that have become final
  | "all";

/** The state of one task of a batch. */
export interface BatchTask {
  /** `tsk_…` */
  readonly id: string;
  /** Its state. */
  readonly state: TaskState;
  /** The number of its latest change: a task that became final earlier has a lower one. */
  readonly change: number;
}
