/**
 * What the rooms that face the caller ask of the rooms that face the world.
 *
 * Only types: `service.ts` hands the functions in.
 *
 * @module
 */

import type { TaskError, TaskType } from "./task.ts";

/** How far a running task has come. */
export interface TaskProgress {
  /** Bytes moved so far. */
  readonly bytes: number;
  /** Bytes there are, when that is known. */
  readonly totalBytes?: number;
  /** Bytes a second, over the attempt so far. */
  readonly rate: number;
}

/** A task that runs and whose channel says how far it has come. */
export interface RunningTask {
  /** `tsk_…` */
  readonly id: string;
  /** What is asked for. */
  readonly type: TaskType;
  /** The attempt's number. */
  readonly attempt: number;
  /** The batch it belongs to. */
  readonly batchId?: string;
  /** How far it has come. */
  readonly progress: TaskProgress;
}

/** A thread of the channels, for `/status` and `/livez`. */
export interface ThreadStatus {
  /** From 1; a thread that takes over gets a new number. */
  readonly number: number;
  /** Attempts it has in hand. */
  readonly attempts: number;
  /** Milliseconds since it last answered. */
  readonly silentMs: number;
}

/** What happened while the worker worked, since the start. */
export interface WorkerStatus {
  /** Attempts under way. */
  readonly running: number;
  /** The most at once. */
  readonly concurrency: number;
  /** The channels' threads. */
  readonly threads: readonly ThreadStatus[];
  /** Threads given up so far, each with its reason; newest first, a few. */
  readonly lost: readonly { readonly at: number; readonly reason: string }[];
}

/** What `http/` and `hooks/` may ask. */
export interface Ports {
  /** Why this URL may not be called, by its text alone; nothing is resolved. */
  refuseUrl(url: URL): TaskError | undefined;
  /** The lane of the relay that takes the mails. */
  readonly mailLane: string;
  /** The `From` of mails that name none: `name <local@domain>`. */
  readonly mailFrom: string;
  /** How far a running task has come, when its channel says. */
  progressOf(taskId: string): TaskProgress | undefined;
  /** Every running task whose channel says how far it has come. */
  runningTasks(): RunningTask[];
  /** How the worker is. */
  worker(): WorkerStatus;
}
