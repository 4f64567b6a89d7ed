/**
 * What an engine tells those who watch.
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
  /** What is asked for. */
  readonly type: TaskType;
  /** Where it now stands. */
  readonly state: TaskState;
  /** Attempts begun since it was accepted or revived. */
  readonly attempt: number;
  /** When it changed, in milliseconds since the epoch. */
  readonly at: number;
  /** Ascending over all tasks of the engine. */
  readonly change: number;
  /** The batch it belongs to. */
  readonly batchId?: string;
  /** Set when its batch has become done with this change. */
  readonly batchDone?: true;
  /** Set when a running task is to be aborted, and why. */
  readonly abort?: CancelReason;
}

/** Whose changes a watcher wants. */
export type Watched =
  | { readonly task: string }
  | { readonly batch: string }
  | "running" // wishes to abort a running task
  | "final" // tasks that have become final
  | "all";

/** Where a task of a batch stands. */
export interface BatchTask {
  /** `tsk_…` */
  readonly id: string;
  /** Its state. */
  readonly state: TaskState;
  /** The number of its latest change: what grew final sooner has the lower one. */
  readonly change: number;
}
