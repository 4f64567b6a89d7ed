/**
 * Where a schedule stands, and what a moment makes of it. Pure: who keeps it
 * brings the time.
 *
 * @module
 */

import { compact } from "../lib/compact.ts";
import type { Json } from "../task/task.ts";
import type { StoredSchedule } from "../task/trigger.ts";
import { nextTick, type ScheduleSpec } from "./schedule.ts";

/** A schedule as it is kept. */
export interface ScheduleRecord {
  /** What it is. */
  readonly spec: ScheduleSpec;
  /** Who set it up: a caller, or the file, which then alone can change it. */
  readonly source: "api" | "file";
  /** The API key that set it up. */
  readonly owner?: string;
  /** When it was set up, in milliseconds since the epoch; `every` counts from it. */
  readonly createdAt: number;
  /** The time of the next run, in milliseconds since the epoch. */
  readonly nextAt: number;
  /** Nothing is run until it is resumed. */
  readonly paused?: true;
  /** The time of the latest run. */
  readonly lastAt?: number;
  /** The task or batch that it made. */
  readonly lastId?: string;
  /** How many there were. */
  readonly runs: number;
  /** How many were left out: missed, or the one before was not final. */
  readonly skipped: number;
  /** Why the latest run made nothing. */
  readonly error?: string;
}

/** A run that begins later than that was missed: the service was down, in milliseconds. */
export const LATE_MS = 60_000;

/** What becomes of a schedule whose time has come. */
export interface Tick {
  /** Whether a run is made, unless the one before is still under way. */
  readonly run: boolean;
  /** Where it stands afterwards. */
  readonly record: ScheduleRecord;
}

/** A new schedule, or one whose meaning has changed. */
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

/** The record of a kept schedule. */
export function recordOf({ record }: StoredSchedule): ScheduleRecord {
  return record as unknown as ScheduleRecord;
}

/** A record as it is kept. */
export function keptRecord(record: ScheduleRecord): Json {
  return record as unknown as Json;
}

/**
 * What the time makes of a schedule. Ticks come one at a time; those that were
 * missed come together: none is made up for, or one for all.
 */
export function tickAt(record: ScheduleRecord, now: number): Tick | undefined {
  const { spec, nextAt, createdAt } = record;
  if (record.paused || nextAt > now) return undefined;
  const isLate = now - nextAt > LATE_MS;
  if (!isLate) {
    return { run: true, record: { ...record, nextAt: nextTick(spec, nextAt, createdAt) } };
  }
  // Those of the last minute are not missed: they are left for the next look.
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

/** A year of minutes would take seconds to count. */
const MAX_COUNTED = 1_000;
