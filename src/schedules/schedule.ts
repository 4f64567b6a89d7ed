/**
 * What a schedule submits and when, and how one is parsed.
 *
 * @module
 */

import { isTimeZone } from "../lib/time.ts";
import { Cron } from "croner";
import { formatDuration, parseDuration } from "../lib/duration.ts";
import { isPlainObject, type PlainObject } from "../task/input/batch_input.ts";
import type { Issue, Parsed } from "../task/issues.ts";
import { pointerTo } from "../lib/json.ts";
import type { Json, TaskType } from "../task/task.ts";

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
  /** The submit's body. */
  readonly body: Json;
}

const FIELDS = ["cron", "timezone", "every", "overlap", "missed", "notify", "fetch"];
const NAME = /^[A-Za-z0-9][\w.-]{0,63}$/;
const MIN_EVERY_MS = 1_000;
const MAX_EVERY_MS = 366 * 86_400_000;
const EXPECTED = {
  object: "Expected a schedule: an object",
  unknown: "Unknown field: remove it, or check its spelling",
  when: "Expected either cron or every",
  cron: 'Expected a cron of five or six fields such as "0 3 * * *" that has a future run',
  timezone: 'Expected an IANA time zone such as "Europe/Vienna", together with cron',
  every: 'Expected a duration from "1s" to "366d"',
  overlap: 'Expected "skip" or "allow"',
  missed: 'Expected "skip" or "once"',
  task: "Expected either notify or fetch, an object",
};

/** Whether `name` is allowed as the name of a schedule. */
export function isScheduleName(name: string): boolean {
  return NAME.test(name);
}

/** Parses a schedule; its first run is searched from `now` on. */
export function parseSchedule(given: unknown, now: number): Parsed<ScheduleSpec> {
  if (!isPlainObject(given)) return { issues: [{ pointer: "", detail: EXPECTED.object }] };
  const issues: Issue[] = Object.keys(given).filter((name) => !FIELDS.includes(name))
    .map((name) => ({ pointer: pointerTo([name]), detail: EXPECTED.unknown }));
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
      body: body as Json,
    },
  };
}

function whenOf(
  { cron, every, timezone = "UTC", ...given }: PlainObject,
  now: number,
  wrong: (name: keyof typeof EXPECTED, detail?: string) => undefined,
): Pick<ScheduleSpec, "cron" | "everyMs"> | undefined {
  if ((cron === undefined) === (every === undefined)) {
    return wrong(cron === undefined ? "cron" : "every", EXPECTED.when);
  }
  if (every !== undefined) {
    if (Object.hasOwn(given, "timezone") || timezone !== "UTC") wrong("timezone");
    const everyMs = typeof every === "string" ? parseDuration(every) : undefined;
    const isRight = everyMs !== undefined && everyMs >= MIN_EVERY_MS && everyMs <= MAX_EVERY_MS;
    return isRight ? { everyMs } : wrong("every");
  }
  if (typeof timezone !== "string" || !isTimeZone(timezone)) return wrong("timezone");
  if (typeof cron !== "string" || cron.length > 200) return wrong("cron");
  try {
    if (new Cron(cron, { timezone, paused: true }).nextRun(new Date(now))) return { cron };
    return wrong("cron");
  } catch (error) {
    return wrong("cron", `${EXPECTED.cron}: ${error instanceof Error ? error.message : error}`);
  }
}

/**
 * The first run after `after`, in milliseconds since the epoch. A cron follows local time: a time
 * that a clock change skips runs right after the gap, a time that occurs twice runs once, and `*`
 * follows elapsed hours. `every` counts from `anchor`.
 */
export function nextTick(
  { cron, timezone = "UTC", everyMs }: Pick<ScheduleSpec, "cron" | "timezone" | "everyMs">,
  after: number,
  anchor: number,
): number {
  if (everyMs !== undefined) {
    return anchor + Math.max(1, Math.floor((after - anchor) / everyMs) + 1) * everyMs;
  }
  const next = new Cron(cron ?? "", { timezone, paused: true }).nextRun(new Date(after));
  return next?.getTime() ?? Infinity;
}

/** The timing fields as views show them. */
export function whenView({ cron, timezone, everyMs }: ScheduleSpec): { [name: string]: Json } {
  return everyMs === undefined
    ? { cron: cron ?? "", timezone: timezone ?? "UTC" }
    : { every: formatDuration(everyMs) };
}
