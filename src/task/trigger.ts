/**
 * What creates tasks by itself, as an engine stores it: schedules and the
 * deliveries of hooks. Only `schedules/` and `hooks/` know what their records hold.
 *
 * @module
 */

import type { Json } from "./task.ts";

/** A schedule as it is kept. */
export interface StoredSchedule {
  /** As its path names it. */
  readonly name: string;
  /** Changes with each change of the schedule; a change names the version that it replaces. */
  readonly version: number;
  /** Its content and its progress. */
  readonly record: Json;
}

/** A change of a schedule; refused as `stale` when another change came first. */
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
