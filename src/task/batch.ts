/**
 * Tasks that were submitted together.
 *
 * @module
 */

import type { Counts } from "./state.ts";
import type { FollowUp } from "./task.ts";

/** A new batch. */
export interface NewBatch {
  /** `bat_…` */
  readonly id: string;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  /** The name of the API key that submitted it. */
  readonly owner?: string;
  /** Created once, when all of its tasks have ended. */
  readonly followUps?: readonly FollowUp[];
  /** The most of its tasks that run at once. */
  readonly concurrency?: number;
}

/** A batch as it is now. */
export interface BatchRecord extends Omit<NewBatch, "followUps"> {
  /** How many tasks it was submitted with. */
  readonly total: number;
  /** The states of its tasks that are still kept. */
  readonly counts: Counts;
  /** Whether each of them is final. */
  readonly done: boolean;
  /** The bytes of the results of those that succeeded. */
  readonly bytes: number;
}
