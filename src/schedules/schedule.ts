/**
 * What a schedule submits and when, and how one is parsed.
 *
 * @module
 */

import { writeExact } from "../lib/json/exact_json.ts";
import { isTimeZone } from "../lib/time.ts";
import { formatDuration, parseDuration } from "../lib/duration.ts";
import { isPlainObject, type PlainObject } from "../task/input/batch_input.ts";
import { type Issue, type Parsed, UNKNOWN_FIELD } from "../task/issues.ts";
import { pointerTo } from "../lib/json.ts";
import type { Json, TaskType } from "../task/task.ts";
import { parseCron } from "./cron.ts";

/** What a schedule does, as parsed from a request or the configuration file. */
export interface ScheduleSpec {
  /** Five fields, six with seconds, or a nickname such as `@daily`. */
  readonly cron?: string;
  /** The IANA time zone in which the cron is read. */
  readonly timezone?: string;
  /** Milliseconds between two runs; used instead of a cron. */
  readonly everyMs?: number;
  /** Whether a run starts while the previous one is not final. */
  readonly overlap: "skip" | "allow";
  /** What happens to runs whose time passed while the service was down. */
  readonly missed: "skip" | "once";
  /** Which kind of submit a run makes. */
  readonly type: TaskType;
  /** The submit's body, as JSON text: `parseBodyText` reads it without loss. */
  readonly body: string;
}

const FIELDS = ["cron", "timezone", "every", "overlap", "missed", "notify", "fetch"];
const MIN_EVERY_MS = 1_000;
const MAX_EVERY_MS = 366 * 86_400_000;
const EXPECTED = {
  object: "Expected a schedule: an object",
  when: "Expected either cron or every",
  cron: 'Expected a cron of five or six fields such as "0 3 * * *" that has a future run',
  timezone: 'Expected an IANA time zone such as "Europe/Vienna", together with cron',
  every: 'Expected a duration from "1s" to "366d"',
  overlap: 'Expected "skip" or "allow"',
  missed: 'Expected "skip" or "once"',
  task: "Expected either notify or fetch, an object",
};

/** Parses a schedule; its first run is searched from `now` on. */
export function parseSchedule(given: unknown, now: number): Parsed<ScheduleSpec> {
  if (!isPlainObject(given)) return { issues: [{ pointer: "", detail: EXPECTED.object }] };
  const issues: Issue[] = Object.keys(given).filter((name) => !FIELDS.includes(name))
    .map((name) => ({ pointer: pointerTo([name]), detail: UNKNOWN_FIELD }));
  const wrong = (name: keyof typeof EXPECTED, detail: string = EXPECTED[name]) => {
    issues.push({ pointer: `/${name}`, detail });
    return undefined;
  };
  const { timezone = "UTC", overlap = "skip", missed = "skip" } = given;
  const when = whenOf(given, now, wrong);
  const type = given.notify === undefined ? "fetch" : "notify";
  const body = given[type];
  if ((given.notify !== undefined && given.fetch !== undefined) || !isPlainObject(body)) {
    issues.push({ pointer: body === undefined ? "" : `/${type}`, detail: EXPECTED.task });
  }
  if (overlap !== "skip" && overlap !== "allow") wrong("overlap");
  if (missed !== "skip" && missed !== "once") wrong("missed");
  if (issues.length > 0 || !when) return { issues };
  return {
    value: {
      ...when,
      ...(when.cron === undefined ? {} : { timezone: timezone as string }),
      overlap: overlap as ScheduleSpec["overlap"],
      missed: missed as ScheduleSpec["missed"],
      type,
      body: writeExact(body),
    },
  };
}

function whenOf(
  { cron, every, timezone = "UTC" }: PlainObject,
  now: number,
  wrong: (name: keyof typeof EXPECTED, detail?: string) => undefined,
): Pick<ScheduleSpec, "cron" | "everyMs"> | undefined {
  if ((cron === undefined) === (every === undefined)) {
    return wrong(cron === undefined ? "cron" : "every", EXPECTED.when);
  }
  if (every !== undefined) {
    if (timezone !== "UTC") wrong("timezone");
    const everyMs = typeof every === "string" ? parseDuration(every) : undefined;
    const isRight = everyMs !== undefined && everyMs >= MIN_EVERY_MS && everyMs <= MAX_EVERY_MS;
    return isRight ? { everyMs } : wrong("every");
  }
  if (typeof timezone !== "string" || !isTimeZone(timezone)) return wrong("timezone");
  if (typeof cron !== "string" || cron.length > 200) return wrong("cron");
  // A year as the seventh field would make a schedule that ends.
  if (cron.trim().split(/\s+/).length > 6) {
    return wrong("cron", `${EXPECTED.cron}; a task that runs once takes runAt`);
  }
  try {
    return parseCron(cron, timezone).next(now) === undefined ? wrong("cron") : { cron };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return wrong("cron", `${EXPECTED.cron}: ${error.message}`);
  }
}

/**
 * The first run after `after`, in milliseconds since the epoch; `undefined` when there is none.
 * `every` counts from `anchor`.
 */
export function nextTick(
  { cron = "", timezone = "UTC", everyMs }: Pick<ScheduleSpec, "cron" | "timezone" | "everyMs">,
  after: number,
  anchor: number,
): number | undefined {
  if (everyMs !== undefined) {
    return anchor + (Math.floor((after - anchor) / everyMs) + 1) * everyMs;
  }
  try {
    return parseCron(cron, timezone).next(after);
  } catch (error) {
    // A stored cron that this version cannot read: the schedule is over.
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** The next times after `after`, at most `count`. */
export function nextTicks(
  spec: Pick<ScheduleSpec, "cron" | "timezone" | "everyMs">,
  after: number,
  anchor: number,
  count: number,
): number[] {
  const times: number[] = [];
  for (let at: number | undefined = after; times.length < count;) {
    at = nextTick(spec, at, anchor);
    if (at === undefined) break;
    times.push(at);
  }
  return times;
}

/** The timing fields as views show them. */
export function whenView({ cron, timezone, everyMs }: ScheduleSpec): { [name: string]: Json } {
  return everyMs === undefined
    ? { cron: cron ?? "", timezone: timezone ?? "UTC" }
    : { every: formatDuration(everyMs) };
}
