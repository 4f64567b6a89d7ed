/**
 * Tasks that were submitted together.
 *
 * @module
 */

import type { Counts } from "./state.ts";
import type { FollowUp } from "./task.ts";

/** Tasks submitted together and waited for together. */
export interface NewBatch {
  /** `bat_…` */
  readonly id: string;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  /** The name of the API key that submitted it. */
  readonly owner?: string;
  /** What is made, once, when all of its tasks have ended. */
  readonly followUps?: readonly FollowUp[];
  /** The most of its tasks that run at once. */
  readonly concurrency?: number;
}

/** A batch as it is now. */
export interface BatchRecord extends Omit<NewBatch, "followUps"> {
  /** How many tasks it was submitted with. */
  readonly total: number;
  /** Where those that are still kept stand. */
  readonly counts: Counts;
  /** Whether each of them is final. */
  readonly done: boolean;
  /** What those that succeeded brought back. */
  readonly bytes: number;
}
