/**
 * Quiet hours: a notification that is due in them waits for their end.
 *
 * @module
 */

import { isTimeZone } from "../../lib/time.ts";
import { z } from "zod";
import type { Issue } from "../issues.ts";
import { pointerTo } from "../../lib/json.ts";

/** Quiet hours, every day; over midnight when they end before they begin. */
export interface QuietHours {
  /** Minutes since midnight. */
  readonly fromMinute: number;
  /** Minutes since midnight. */
  readonly untilMinute: number;
  /** An IANA name. */
  readonly timeZone: string;
}

const EXPECTED = {
  quiet: `Expected quiet hours such as {"from": "22:00", "until": "07:00"}`,
  time: `Expected a time of the day such as "22:00"`,
  timeZone: `Expected an IANA time zone such as "Europe/Berlin"`,
};

/** The field, for the schema of a notification. */
export const quietFields = {
  quiet: z.strictObject({
    from: z.string({ error: EXPECTED.time }),
    until: z.string({ error: EXPECTED.time }),
    timeZone: z.string({ error: EXPECTED.timeZone }).optional(),
  }, { error: EXPECTED.quiet }).optional().meta({
    description: "What would be due in these hours waits for their end; UTC when no zone is named.",
    examples: [{ from: "22:00", until: "07:00", timeZone: "Europe/Berlin" }],
  }),
};

/** The field as the schema leaves it: the right types, not yet read. */
export type RawQuiet = NonNullable<(typeof quietFields)["quiet"]["_output"]>;

/** Parses the field; adds what is wrong to `issues`. */
export function readQuiet(
  { from, until, timeZone = "UTC" }: RawQuiet,
  issues: Issue[],
): QuietHours | undefined {
  const wrong = (detail: string, name: string) => {
    issues.push({ pointer: pointerTo(["quiet", name]), detail });
    return undefined;
  };
  const fromMinute = minuteOf(from) ?? wrong(EXPECTED.time, "from");
  const untilMinute = minuteOf(until) ?? wrong(EXPECTED.time, "until");
  if (!isTimeZone(timeZone)) return wrong(EXPECTED.timeZone, "timeZone");
  if (fromMinute === undefined || untilMinute === undefined) return undefined;
  if (fromMinute === untilMinute) return wrong("Expected another time than in from", "until");
  return { fromMinute, untilMinute, timeZone };
}

/** The same time, or the end of the quiet hours that it lies in; in milliseconds since the epoch. */
export function afterQuiet(at: number, { fromMinute, untilMinute, timeZone }: QuietHours): number {
  const local = Temporal.Instant.fromEpochMilliseconds(Math.floor(at)).toZonedDateTimeISO(timeZone);
  const minute = local.hour * 60 + local.minute;
  const isOverMidnight = untilMinute < fromMinute;
  const isQuiet = isOverMidnight
    ? minute >= fromMinute || minute < untilMinute
    : minute >= fromMinute && minute < untilMinute;
  if (!isQuiet) return at;
  const day = isOverMidnight && minute >= fromMinute ? local.add({ days: 1 }) : local;
  const end = { hour: Math.floor(untilMinute / 60), minute: untilMinute % 60 };
  // An end that a change of clocks skips moves by the length of the change.
  return Math.max(at, day.withPlainTime(end).epochMilliseconds);
}

function minuteOf(text: string): number | undefined {
  const [, hour, minute] = /^([01]\d|2[0-3]):([0-5]\d)$/.exec(text) ?? [];
  return hour === undefined ? undefined : Number(hour) * 60 + Number(minute);
}
