/**
 * What makes tasks by itself, as an engine keeps it: schedules and the
 * deliveries of hooks. What stands in their records is the hooks' own.
 *
 * @module
 */

import type { Json } from "./task.ts";

/** A schedule as it is kept. */
export interface StoredSchedule {
  /** As its path names it. */
  readonly name: string;
  /** Never the same twice: whoever changes the schedule says which one it has seen. */
  readonly version: number;
  /** What it is and where it stands. */
  readonly record: Json;
}

/** A change of a schedule; refused as `stale` when somebody else was first. */
export interface ScheduleChange {
  /** Which. */
  readonly name: string;
  /** The version that is to be replaced; 0 for one that is not there. */
  readonly expects: number;
  /** What it is from now on; absent: it is deleted. */
  readonly record?: Json;
}

/** A delivery of a hook in a list. */
export interface DeliverySummary {
  /** `hkd_…` */
  readonly id: string;
  /** The name of the hook. */
  readonly hook: string;
  /** Milliseconds since the epoch. */
  readonly receivedAt: number;
  /** What became of it. */
  readonly verdict: Json;
}

/** A delivery of a hook as it is kept. */
export interface StoredDelivery extends DeliverySummary {
  /** JSON text of what the sender sent. */
  readonly content: string;
}
