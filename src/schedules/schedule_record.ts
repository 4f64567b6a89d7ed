/**
 * The stored state of a schedule, and which run is due at a given time. Pure: the
 * caller passes the time.
 *
 * @module
 */

import { compact } from "../lib/compact.ts";
import { isPlainObject } from "../task/input/batch_input.ts";
import { isSameJson } from "../lib/json.ts";
import type { Json } from "../task/task.ts";
import { nextTick, type ScheduleSpec } from "./schedule.ts";

/** One run of a schedule. */
export interface ScheduleRun {
  /** The task or batch that it created. */
  readonly id: string;
  /** Its time, in milliseconds since the epoch. */
  readonly at: number;
}

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
  /** The time of the next run, in milliseconds since the epoch; absent when it is over. */
  readonly nextAt?: number;
  /** No runs start until it is resumed. */
  readonly paused?: true;
  /** The time of the latest run. */
  readonly lastAt?: number;
  /** The task or batch that the latest run created. */
  readonly lastId?: string;
  /** The latest runs, newest first. */
  readonly lastRuns?: readonly ScheduleRun[];
  /** The number of runs. */
  readonly runs: number;
  /** The number of runs left out: missed, or the previous one was not final. */
  readonly skipped: number;
  /** Why the latest run created no task. */
  readonly error?: string;
}

/** A run that starts later than this counts as missed, in milliseconds. */
export const LATE_MS = 60_000;
/** The most missed runs that are counted: counting a year of minutes would take seconds. */
const MAX_COUNTED = 1_000;
/** How many runs are remembered. */
const MAX_LAST_RUNS = 10;
/** The last time that a `Date` can hold. */
const MAX_TIME_MS = 8.64e15;

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
  const nextAt = nextTick(spec, now, now);
  return { spec, source, ...compact({ owner, nextAt }), createdAt: now, runs: 0, skipped: 0 };
}

/**
 * The record after a new definition. The same definition changes nothing, and one
 * with the same times keeps the next run.
 */
export function redefined(
  before: ScheduleRecord,
  spec: ScheduleSpec,
  source: ScheduleRecord["source"],
  now: number,
): ScheduleRecord | "keep" {
  const isSame = isSameJson(before.spec as unknown as Json, spec as unknown as Json);
  if (isSame && before.source === source && before.nextAt !== undefined) return "keep";
  const { error: _, nextAt: kept, createdAt, ...rest } = before;
  const isSameTimes = kept !== undefined && before.spec.cron === spec.cron &&
    before.spec.timezone === spec.timezone && before.spec.everyMs === spec.everyMs;
  const nextAt = isSameTimes ? kept : nextTick(spec, now, now);
  return {
    ...rest,
    spec,
    source,
    createdAt: isSameTimes ? createdAt : now,
    ...compact({ nextAt }),
  };
}

/** The record after a run. */
export function afterRun(
  { error: _, ...record }: ScheduleRecord,
  { id, at }: ScheduleRun,
): ScheduleRecord {
  const lastRuns = [{ id, at }, ...record.lastRuns ?? []].slice(0, MAX_LAST_RUNS);
  return { ...record, lastAt: at, lastId: id, lastRuns, runs: record.runs + 1 };
}

/** What is shown of a stored record whose definition cannot be read: it never runs. */
const UNREADABLE: ScheduleSpec = {
  cron: "",
  timezone: "UTC",
  overlap: "skip",
  missed: "skip",
  type: "fetch",
  body: "{}",
};

/** Reads a stored record; older versions stored null for a next run that never comes. */
export function readRecord(stored: Json): ScheduleRecord {
  const record = isPlainObject(stored) ? stored as Partial<ScheduleRecord> : {};
  const { spec, source, owner, createdAt, nextAt, lastAt, runs, skipped } = record;
  return {
    ...compact({ owner, nextAt: finite(nextAt), lastAt: finite(lastAt) }),
    ...compact({ paused: record.paused || undefined, lastId: record.lastId }),
    ...compact({ lastRuns: record.lastRuns, error: record.error }),
    spec: readSpec(spec),
    source: source === "file" ? "file" : "api",
    createdAt: finite(createdAt) ?? 0,
    runs: finite(runs) ?? 0,
    skipped: finite(skipped) ?? 0,
  };
}

function finite(value: unknown): number | undefined {
  return typeof value === "number" && Math.abs(value) <= MAX_TIME_MS ? value : undefined;
}

function readSpec(spec: ScheduleSpec | undefined): ScheduleSpec {
  if (!isPlainObject(spec) || (spec.type !== "notify" && spec.type !== "fetch")) return UNREADABLE;
  // Older versions stored the body as JSON.
  const body = typeof spec.body === "string" ? spec.body : JSON.stringify(spec.body ?? {});
  const { everyMs, ...rest } = { ...spec, body };
  if (typeof spec.cron === "string") return rest;
  return (finite(everyMs) ?? 0) > 0 ? { ...rest, ...compact({ everyMs }) } : UNREADABLE;
}

/**
 * What is due of a schedule at `now`, if anything. Ticks come one at a time; missed
 * ones are handled together: either none runs, or one for all of them.
 */
export function tickAt(record: ScheduleRecord, now: number): Tick | undefined {
  const { spec, nextAt, createdAt, ...rest } = record;
  if (record.paused || nextAt === undefined || nextAt > now) return undefined;
  const next = (after: number) => nextTick(spec, after, createdAt);
  const become = (nextAt: number | undefined, skipped: number): ScheduleRecord => {
    return { ...rest, spec, createdAt, skipped: rest.skipped + skipped, ...compact({ nextAt }) };
  };
  if (now - nextAt <= LATE_MS) return { run: true, record: become(next(nextAt), 0) };
  // Runs of the last minute are not missed: the next call handles them.
  const upTo = now - LATE_MS;
  let missed = 0;
  let following: number | undefined = nextAt;
  while (following !== undefined && following < upTo && missed < MAX_COUNTED) {
    missed++;
    following = next(following);
  }
  if (following !== undefined && following < upTo) following = next(upTo);
  const run = spec.missed === "once";
  return { run, record: become(following, missed - (run ? 1 : 0)) };
}

/**
 * Corrects a next run that is further away than one interval, or missing: the clock
 * was ahead when it was computed, or another version computed it. A clock that goes
 * back by less than a minute does not repeat a run. `undefined` when it is right.
 */
export function correctedRecord(record: ScheduleRecord, now: number): ScheduleRecord | undefined {
  const { spec, nextAt, createdAt } = record;
  const first = nextTick(spec, now, createdAt);
  if (first === undefined) return undefined;
  if (nextAt === undefined) return { ...record, nextAt: first };
  const interval = (nextTick(spec, first, createdAt) ?? Infinity) - first;
  const isTooFar = nextAt > first && nextAt - now > interval + Math.min(interval, LATE_MS);
  return isTooFar ? { ...record, nextAt: first } : undefined;
}
