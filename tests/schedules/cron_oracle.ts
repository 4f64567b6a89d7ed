/**
 * The runs of a cron by a second, slower method: it looks at every minute of real time and asks
 * `Intl` for the local time. It shares no code with `src/schedules/cron.ts`.
 *
 * Run as a program it compares all minutes of a year, and prints a table:
 * `deno run -A tests/schedules/cron_oracle.ts [YEAR]`.
 *
 * @module
 */

import { parseCron } from "../../src/schedules/cron.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Ten zones with different rules for summer time; four change at or around midnight, one by half an hour. */
export const ZONES = [
  "Europe/Vienna",
  "Europe/London",
  "America/New_York",
  "America/Santiago",
  "America/St_Johns",
  "Australia/Lord_Howe",
  "Asia/Kolkata",
  "Asia/Beirut",
  "Africa/Cairo",
  "Pacific/Chatham",
];

/** One minute of real time with its local time. */
interface LocalMinute {
  readonly at: number;
  /** Minutes since 1970 by the local clock. */
  readonly local: number;
}

/** The minutes from `from` to before `to`. */
export function localMinutes(timeZone: string, from: number, to: number): LocalMinute[] {
  const format = new Intl.DateTimeFormat("en-US", { timeZone, timeZoneName: "longOffset" });
  const offsetAt = (at: number) => {
    const name = format.formatToParts(at).find(({ type }) => type === "timeZoneName")?.value ?? "";
    const [, sign, hours, minutes] = /GMT([+-])(\d\d):(\d\d)/.exec(name) ?? [];
    return (sign === "-" ? -1 : 1) * (Number(hours ?? 0) * 60 + Number(minutes ?? 0));
  };
  const minutes: LocalMinute[] = [];
  // No zone changes its offset within a quarter of an hour.
  for (let quarter = from; quarter < to; quarter += 15 * MINUTE) {
    const offset = offsetAt(quarter);
    for (let at = quarter; at < quarter + 15 * MINUTE && at < to; at += MINUTE) {
      minutes.push({ at, local: at / MINUTE + offset });
    }
  }
  return minutes;
}

/** Vixie cron's rule, minute by minute. The first minute only shows what the clock showed before. */
export function expectedRuns(cron: string, minutes: readonly LocalMinute[]): number[] {
  const [minute = "", hour = ""] = cron.split(" ");
  const isRealTime = minute.startsWith("*") || hour.startsWith("*");
  const matches = matcherOf(cron);
  const runs: number[] = [];
  let latest = minutes[0]?.local ?? 0;
  for (const { at, local } of minutes.slice(1)) {
    let isDue = false;
    if (isRealTime) isDue = matches(local);
    else for (let each = latest + 1; each <= local; each++) isDue ||= matches(each);
    if (isDue) runs.push(at);
    latest = Math.max(latest, local);
  }
  return runs;
}

const NAMES = "SUN MON TUE WED THU FRI SAT".split(" ");
const MONTHS = "- JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split(" ");

function matcherOf(cron: string): (local: number) => boolean {
  const [minute, hour, day, month, weekday] = cron.split(" ") as [
    string,
    string,
    string,
    string,
    string,
  ];
  const minutes = valuesOf(minute, 0, 59);
  const hours = valuesOf(hour, 0, 23);
  const months = valuesOf(month, 1, 12, MONTHS);
  const days = day === "L" ? undefined : valuesOf(day, 1, 31);
  const [, nthDay, nth] = /^(\d)(?:#(\d)|L)$/.exec(weekday) ?? [];
  const weekdays = nthDay === undefined
    ? new Set([...valuesOf(weekday, 0, 7, NAMES)].map((value) => value % 7))
    : new Set([Number(nthDay)]);
  const isDay = (date: Date) => {
    const [dayOfMonth, last] = [date.getUTCDate(), lastDay(date)];
    const byDay = days ? days.has(dayOfMonth) : dayOfMonth === last;
    const isNth = nthDay === undefined ||
      (nth === undefined ? dayOfMonth > last - 7 : Math.ceil(dayOfMonth / 7) === Number(nth));
    const byWeekday = weekdays.has(date.getUTCDay()) && isNth;
    return day !== "*" && weekday !== "*" ? byDay || byWeekday : byDay && byWeekday;
  };
  const known = new Map<number, boolean>();
  return (local) => {
    if (!minutes.has(local % 60) || !hours.has(Math.floor(local / 60) % 24)) return false;
    const dayNumber = Math.floor(local / 1_440);
    let isRight = known.get(dayNumber);
    if (isRight === undefined) {
      const date = new Date(dayNumber * DAY);
      isRight = months.has(date.getUTCMonth() + 1) && isDay(date);
      known.set(dayNumber, isRight);
    }
    return isRight;
  };
}

function lastDay(date: Date): number {
  return new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 0)).getUTCDate();
}

function valuesOf(field: string, min: number, max: number, names: string[] = []): Set<number> {
  const values = new Set<number>();
  const numberOf = (text: string) => names.includes(text) ? names.indexOf(text) : Number(text);
  for (const part of field.split(",")) {
    const [range = "", step] = part.split("/");
    const [first = "", last] = range.split("-");
    const from = range === "*" ? min : numberOf(first);
    const open = step === undefined ? from : max;
    const to = range === "*" ? max : last === undefined ? open : numberOf(last);
    for (let value = from; value <= to; value += Number(step ?? 1)) values.add(value);
  }
  return values;
}

/** Two hundred crons: the known difficult ones, and others from a seed. */
export function manyCrons(): string[] {
  const crons = [
    "0,30 2 28 3 *",
    "0,30 1 * * *",
    "0 1,2 * * *",
    "15 0,1 * * *",
    "*/20 2 * * *",
    "0/20 2 * * *",
    "0-59 2 * * *",
    "30 2 * * *",
    "0 0 * * *",
    "30 0 * * *",
    "59 23 * * *",
    "0 * * * *",
    "30 * * * *",
    "* * * * *",
    "* 1-3 * * *",
    "0 */2 * * *",
    "15 1-23/2 * * *",
    "0 0-23 * * *",
    "0 3 L * *",
    "45 2 * * 0#4",
    "45 2 * * 0L",
    "0 2 1-7 * 0",
  ];
  const random = seeded(7);
  const pick = <T>(list: readonly T[]) => list[Math.floor(random() * list.length)] as T;
  const number = (min: number, max: number) => min + Math.floor(random() * (max - min + 1));
  const minute = () =>
    pick([
      () => `${number(0, 59)}`,
      () => `${number(0, 59)}`,
      () => `${number(0, 29)},${number(30, 59)}`,
      () => `${number(0, 20)}-${number(30, 59)}/${number(5, 15)}`,
      () => `${number(0, 9)}/${number(10, 25)}`,
      () => `*/${number(5, 40)}`,
    ])();
  const hour = () =>
    pick([
      () => `${number(0, 4)}`,
      () => `${number(0, 3)},${number(4, 23)}`,
      () => `${number(0, 2)}-${number(3, 6)}`,
      () => `${number(0, 3)}/${number(2, 6)}`,
      () => "*",
      () => `*/${number(2, 5)}`,
    ])();
  const day = () => pick(["*", "*", "*", "*", "1-15", "*/3", "L", `${number(1, 28)}`]);
  const month = () => pick(["*", "*", "*", "*", "3,4,9-11", "*/2", "MAR-NOV"]);
  const weekday = () => pick(["*", "*", "*", "*", "0", "7", "MON-FRI", "SUN,SAT", "0#2", "6L"]);
  while (crons.length < 200) crons.push([minute(), hour(), day(), month(), weekday()].join(" "));
  return crons;
}

/** A generator with the same numbers in every run. */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** The moments within a year at which a zone changes its clock, to the minute. */
export function clockChanges(timeZone: string, year: number): number[] {
  const changes: number[] = [];
  let before: LocalMinute | undefined;
  for (const each of localMinutes(timeZone, Date.UTC(year, 0, 1), Date.UTC(year + 1, 0, 1))) {
    if (before && each.local !== before.local + 1) changes.push(each.at);
    before = each;
  }
  return changes;
}

/** Where the two methods differ within the minutes; `steps` bounds the number of compared runs. */
export function differences(
  cron: string,
  timezone: string,
  minutes: readonly LocalMinute[],
  steps = Infinity,
): { readonly compared: number; readonly different: string[] } {
  const expected = expectedRuns(cron, minutes).slice(0, steps);
  const different: string[] = [];
  const { next } = parseCron(cron, timezone);
  let at = minutes[0]?.at ?? 0;
  for (const run of expected) {
    const found = next(at);
    if (found !== run) {
      different.push(`${cron} in ${timezone}: ${textOf(found)} instead of ${textOf(run)}`);
    }
    at = run;
  }
  const end = minutes.at(-1)?.at ?? 0;
  const beyond = next(at) ?? Infinity;
  if (expected.length < steps && beyond <= end) {
    different.push(`${cron} in ${timezone}: ${textOf(beyond)} is too many`);
  }
  return { compared: expected.length, different };
}

function textOf(at: number | undefined): string {
  return at === undefined ? "none" : new Date(at).toISOString();
}

if (import.meta.main) {
  const year = Number(Deno.args[0] ?? 2027);
  const say = (line: string) => Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
  say(`| zone | clock changes in ${year} | crons | runs compared | differences |`);
  say("| --- | ---: | ---: | ---: | ---: |");
  for (const timezone of ZONES) {
    const minutes = localMinutes(timezone, Date.UTC(year, 0, 1) - DAY, Date.UTC(year + 1, 0, 2));
    let [compared, different] = [0, 0];
    for (const cron of manyCrons()) {
      const found = differences(cron, timezone, minutes);
      compared += found.compared;
      different += found.different.length;
      for (const line of found.different.slice(0, 3)) say(line);
    }
    const changes = clockChanges(timezone, year).length;
    say(`| ${timezone} | ${changes} | ${manyCrons().length} | ${compared} | ${different} |`);
  }
}
