/**
 * The stored state of a schedule, and which run is due at a given time. Pure: the
 * caller passes the time.
 *
 * @module
 */

import { compact } from "../lib/compact.ts";
import type { Json } from "../task/task.ts";
import type { StoredSchedule } from "../task/trigger.ts";
import { nextTick, type ScheduleSpec } from "./schedule.ts";

/** A schedule as the engine stores it. */
export interface ScheduleRecord {
  /** What it submits, and when. */
  readonly spec: ScheduleSpec;
  /** Where it was defined; only the file can change what the file defined. */
  readonly source: "api" | "file";
  /** The name of the API key that created it. */
  readonly owner?: string;
  /** When it was created, in milliseconds since the epoch; `every` counts from it. */
  readonly createdAt: number;
  /** The time of the next run, in milliseconds since the epoch. */
  readonly nextAt: number;
  /** No runs start until it is resumed. */
  readonly paused?: true;
  /** The time of the latest run. */
  readonly lastAt?: number;
  /** The task or batch that the latest run created. */
  readonly lastId?: string;
  /** The number of runs. */
  readonly runs: number;
  /** The number of runs left out: missed, or the previous one was not final. */
  readonly skipped: number;
  /** Why the latest run created no task. */
  readonly error?: string;
}

/** A run that starts later than this counts as missed, in milliseconds. */
export const LATE_MS = 60_000;

/** What happens to a schedule that is due. */
export interface Tick {
  /** Whether a run starts, unless the previous one is not final. */
  readonly run: boolean;
  /** The record after it. */
  readonly record: ScheduleRecord;
}

/** The record of a schedule that is created now. */
export function freshRecord(
  spec: ScheduleSpec,
  source: ScheduleRecord["source"],
  now: number,
  owner?: string,
): ScheduleRecord {
  return {
    spec,
    source,
    ...compact({ owner }),
    createdAt: now,
    nextAt: nextTick(spec, now, now),
    runs: 0,
    skipped: 0,
  };
}

/** The record of a stored schedule. */
export function recordOf({ record }: StoredSchedule): ScheduleRecord {
  return record as unknown as ScheduleRecord;
}

/** A record in the form that an engine stores. */
export function keptRecord(record: ScheduleRecord): Json {
  return record as unknown as Json;
}

/**
 * What is due of a schedule at `now`, if anything. Ticks come one at a time; missed
 * ones are handled together: either none runs, or one for all of them.
 */
export function tickAt(record: ScheduleRecord, now: number): Tick | undefined {
  const { spec, nextAt, createdAt } = record;
  if (record.paused || nextAt > now) return undefined;
  const isLate = now - nextAt > LATE_MS;
  if (!isLate) {
    return { run: true, record: { ...record, nextAt: nextTick(spec, nextAt, createdAt) } };
  }
  // Runs of the last minute are not missed: the next call handles them.
  const upTo = now - LATE_MS;
  let missed = 0;
  let next = nextAt;
  while (next < upTo && missed < MAX_COUNTED) {
    missed++;
    next = nextTick(spec, next, createdAt);
  }
  if (next < upTo) next = nextTick(spec, upTo, createdAt);
  const run = spec.missed === "once";
  return {
    run,
    record: { ...record, nextAt: next, skipped: record.skipped + missed - (run ? 1 : 0) },
  };
}

/** Counting a year of minutes would take seconds. */
const MAX_COUNTED = 1_000;
