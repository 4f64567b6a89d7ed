/**
 * Cron expressions in a time zone, with Vixie cron's rule for clock changes.
 *
 * croner parses the expression and finds the next match on a calendar without
 * clock changes. This file converts that local time to an instant: croner's own
 * conversion treats lists and steps differently from Vixie cron.
 *
 * The rule: an expression whose minute or hour field starts with `*` follows
 * elapsed time. All others name fixed times of day: one that a clock change skips
 * runs once, right after the gap, and one that occurs twice runs the first time.
 *
 * @module
 */

import { Cron } from "croner";

/** A parsed cron expression. */
export interface CronExpression {
  /** The first run after `after`, both in milliseconds since the epoch; `undefined` if there is none. */
  next(after: number): number | undefined;
}

const NICKNAMES: ReadonlyMap<string, string> = new Map([
  ["@yearly", "0 0 1 1 *"],
  ["@annually", "0 0 1 1 *"],
  ["@monthly", "0 0 1 * *"],
  ["@weekly", "0 0 * * 0"],
  ["@daily", "0 0 * * *"],
  ["@midnight", "0 0 * * *"],
  ["@hourly", "0 * * * *"],
]);
const DAY_MS = 86_400_000;
/** The largest value of each field, from seconds to years. */
const MAX_VALUES = [59, 59, 23, 31, 12, 6, 9_999];

/**
 * Parses an expression of five fields, or six with seconds first. Seven fields, the
 * last a year, are for schedules that older versions stored. Throws a `RangeError`.
 */
export function parseCron(expression: string, timezone: string): CronExpression {
  const text = expression.trim();
  const fields = (NICKNAMES.get(text.toLowerCase()) ?? text).split(/\s+/);
  if (fields.length < 5 || fields.length > 7) {
    throw new RangeError(`expected five or six fields, not ${fields.length}`);
  }
  const first = fields.length === 5 ? 1 : 0;
  const pattern = fields.map((field, index) => withoutOpenSteps(field, MAX_VALUES[index + first]))
    .join(" ");
  const [minute = "", hour = ""] = fields.slice(1 - first);
  const isFixed = !/^[*?]/.test(minute) && !/^[*?]/.test(hour);
  const calendar = calendarOf(pattern);
  return { next: (after) => nextRun(calendar, isFixed, timezone, after) };
}

/** `5/15` is `5-59/15`, as Quartz and most crons read it; croner refuses it. */
function withoutOpenSteps(field: string, max = 59): string {
  return field.split(",").map((part) => part.replace(/^(\d+)\/(\d+)$/, `$1-${max}/$2`)).join(",");
}

/** The next match after a local time; both are written as if the zone were UTC. */
type Calendar = (after: number) => number | undefined;

function calendarOf(pattern: string): Calendar {
  try {
    const cron = new Cron(pattern, { utcOffset: 0, paused: true });
    return (after) => cron.nextRun(new Date(after))?.getTime();
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    // croner numbers days and months from 0 in its messages.
    const counted = why.replace(
      /\b(day|month): (-?\d+)$/,
      (_, field, value) => `${field}: ${Number(value) + 1}`,
    );
    throw new RangeError(counted.replace(/^CronPattern: /, ""));
  }
}

function nextRun(
  nextMatch: Calendar,
  isFixed: boolean,
  timezone: string,
  after: number,
): number | undefined {
  let period = periodAt(timezone, after);
  let local = after + period.offset;
  // In the second pass of a repeated hour, fixed times up to its end have run already.
  if (isFixed) local = Math.max(local, period.from + period.offsetBefore - 1);
  let match = nextMatch(local);
  let isFirst = true;
  // There is no match between `local` and `match`.
  while (match !== undefined) {
    const at = match - period.offset;
    if (at < period.to) return at;
    // Only a clock change right after the start, or near the match, can matter.
    period = periodAt(timezone, isFirst ? period.to : Math.max(period.to, at - 2 * DAY_MS));
    isFirst = false;
    const begin = period.from + period.offset;
    const isSkipped = match < begin;
    if (isSkipped && isFixed) return period.from;
    const isRepeated = begin <= local;
    if (isSkipped || (isRepeated && !isFixed)) {
      local = begin - 1;
      match = nextMatch(local);
    }
  }
  return undefined;
}

/** A time without a clock change; milliseconds since the epoch, offsets in milliseconds. */
interface Period {
  readonly from: number;
  readonly to: number;
  readonly offset: number;
  /** The offset before `from`. */
  readonly offsetBefore: number;
}

function periodAt(timezone: string, at: number): Period {
  const zoned = zonedAt(timezone, Math.floor(at));
  // The search looks strictly before its start, so it starts one step later.
  const from = zonedAt(timezone, Math.floor(at) + 1).getTimeZoneTransition("previous")
    ?.epochMilliseconds;
  return {
    from: from ?? -Infinity,
    to: zoned.getTimeZoneTransition("next")?.epochMilliseconds ?? Infinity,
    offset: offsetOf(zoned),
    offsetBefore: offsetOf(from === undefined ? zoned : zonedAt(timezone, from - 1)),
  };
}

function zonedAt(timezone: string, at: number): Temporal.ZonedDateTime {
  return Temporal.Instant.fromEpochMilliseconds(at).toZonedDateTimeISO(timezone);
}

function offsetOf({ offsetNanoseconds }: Temporal.ZonedDateTime): number {
  return offsetNanoseconds / 1e6;
}
