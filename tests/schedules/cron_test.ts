import assert from "node:assert/strict";
import { parseCron } from "../../src/schedules/cron.ts";
import {
  clockChanges,
  differences,
  expectedRuns,
  localMinutes,
  manyCrons,
  seeded,
  ZONES,
} from "./cron_oracle.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const YEAR = 2027;

Deno.test("200 crons run at the expected times around every clock change of ten zones", () => {
  const random = seeded(3);
  const wrong: string[] = [];
  let compared = 0;
  for (const timezone of ZONES) {
    const changes = clockChanges(timezone, YEAR);
    assert.ok(timezone === "Asia/Kolkata" ? changes.length === 0 : changes.length === 2, timezone);
    const windows = changes.map((at) => ({ from: at - 26 * HOUR, change: at, to: at + 26 * HOUR }));
    for (let day = 0; day < 2; day++) {
      const from = Date.UTC(YEAR, 0, 1) + Math.floor(random() * 365) * DAY;
      windows.push({ from, change: from + 12 * HOUR, to: from + DAY });
    }
    for (const { from, change, to } of windows) {
      const whole = localMinutes(timezone, from, to);
      const near = whole.filter(({ at }) => Math.abs(at - change) <= 2 * HOUR);
      for (const cron of manyCrons()) {
        const isDense = expectedRuns(cron, near).length > 20;
        const found = differences(cron, timezone, isDense ? near : whole);
        compared += found.compared;
        wrong.push(...found.different);
      }
    }
  }
  assert.deepEqual(wrong.slice(0, 10), []);
  assert.ok(compared > 50_000, `only ${compared} runs`);
});

Deno.test.each([
  {
    cron: "0,30 2 28 3 *",
    timezone: "Europe/Berlin",
    from: "2027-03-27T12:00Z",
    runs: ["2027-03-28T01:00Z", "2028-03-28T00:00Z"],
  },
  {
    cron: "0,30 1 * * *",
    timezone: "America/New_York",
    from: "2027-11-07T00:00Z",
    runs: ["2027-11-07T05:00Z", "2027-11-07T05:30Z", "2027-11-08T06:00Z"],
  },
  {
    cron: "15 0,1 * * *",
    timezone: "America/New_York",
    from: "2027-11-07T00:00Z",
    runs: ["2027-11-07T04:15Z", "2027-11-07T05:15Z", "2027-11-08T05:15Z"],
  },
  {
    cron: "*/20 2 28 3 *",
    timezone: "Europe/Berlin",
    from: "2027-03-27T12:00Z",
    runs: ["2028-03-28T00:00Z"],
  },
  {
    cron: "*/30 2 * * *",
    timezone: "Europe/Berlin",
    from: "2027-10-31T00:00Z",
    runs: ["2027-10-31T00:30Z", "2027-10-31T01:00Z", "2027-10-31T01:30Z", "2027-11-01T01:00Z"],
  },
  {
    cron: "*/20 30 2 * * *",
    timezone: "Europe/Berlin",
    from: "2027-03-27T12:00Z",
    runs: ["2027-03-28T01:00Z", "2027-03-29T00:30Z", "2027-03-29T00:30:20Z"],
  },
  {
    cron: "0/15 * * * *",
    timezone: "UTC",
    from: "2027-01-01T00:50Z",
    runs: ["2027-01-01T01:00Z", "2027-01-01T01:15Z"],
  },
  { cron: "@monthly", timezone: "UTC", from: "2027-01-01T00:00Z", runs: ["2027-02-01T00:00Z"] },
  { cron: "0 0 29 2 *", timezone: "UTC", from: "2027-01-01T00:00Z", runs: ["2028-02-29T00:00Z"] },
  { cron: "0 9 15W * *", timezone: "UTC", from: "2027-05-01T00:00Z", runs: ["2027-05-14T09:00Z"] },
])("$cron in $timezone after $from runs at $runs", ({ cron, timezone, from, runs }) => {
  const { next } = parseCron(cron, timezone);
  let at = Date.parse(from);
  for (const run of runs) {
    at = next(at) ?? NaN;
    assert.equal(new Date(at).toISOString(), new Date(run).toISOString());
  }
});

Deno.test("a cron starts between two passes of a repeated hour without running twice", () => {
  const { next } = parseCron("0,30 2 * * *", "Europe/Berlin");
  const secondPass = Date.parse("2027-10-31T01:10Z");
  assert.equal(next(secondPass), Date.parse("2027-11-01T01:00Z"));
});

Deno.test("a cron that never matches has no next run", () => {
  for (const cron of ["0 0 30 2 *", "0 0 31 4,6,9,11 *", "0 0 0 1 1 * 2020"]) {
    assert.equal(parseCron(cron, "Europe/Berlin").next(Date.UTC(YEAR, 0, 1)), undefined, cron);
  }
});

Deno.test.each([
  "",
  "0 0 * *",
  "0 0 0 1 1 * 2027 1",
  "2027-01-01T00:00:00Z",
  "61 * * * *",
  "*/0 * * * *",
  "5-1 * * * *",
  "H * * * *",
  "/5 * * * *",
  "@reboot",
  "constructor",
  "0 0 * * MON#6",
])('"%s" is not a cron expression', (cron) => {
  assert.throws(() => parseCron(cron, "UTC"), RangeError);
});

Deno.test.each([
  { cron: "0 0 0 * *", says: /day: 0$/ },
  { cron: "0 0 32 * *", says: /day: 32$/ },
  { cron: "0 0 1 13 *", says: /month: 13$/ },
])("what is wrong with $cron is named as it was written", ({ cron, says }) => {
  assert.throws(() => parseCron(cron, "UTC"), says);
});
