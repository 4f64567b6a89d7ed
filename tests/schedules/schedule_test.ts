import assert from "node:assert/strict";
import { nextTick, parseSchedule } from "../../src/schedules/schedule.ts";
import { freshRecord, LATE_MS, tickAt } from "../../src/schedules/schedule_record.ts";

const NOW = Date.UTC(2026, 0, 1);
const FETCH = { fetch: { url: "https://example.org/" } };
const HOUR = 3_600_000;
const at = (text: string) => Date.parse(text);

Deno.test.each([
  { given: { ...FETCH }, pointers: ["/cron"] },
  { given: { cron: "0 3 * * *", every: "1h", ...FETCH }, pointers: ["/every"] },
  { given: { cron: "61 * * * *", ...FETCH }, pointers: ["/cron"] },
  { given: { cron: "0 0 30 2 *", ...FETCH }, pointers: ["/cron"] },
  { given: { cron: "0 0 0 1 1 * 2099", ...FETCH }, pointers: ["/cron"] },
  { given: { cron: "2099-01-01T00:00:00Z", ...FETCH }, pointers: ["/cron"] },
  { given: { cron: "0 0 * *", ...FETCH }, pointers: ["/cron"] },
  { given: { cron: "0 3 * * *", timezone: "Mars/Base", ...FETCH }, pointers: ["/timezone"] },
  { given: { every: "1h", timezone: "Europe/Vienna", ...FETCH }, pointers: ["/timezone"] },
  { given: { every: "999ms", ...FETCH }, pointers: ["/every"] },
  { given: { every: 5, ...FETCH }, pointers: ["/every"] },
  { given: { every: "1h" }, pointers: [""] },
  { given: { every: "1h", ...FETCH, notify: {} }, pointers: ["/notify"] },
  { given: { every: "1h", ...FETCH, overlap: "maybe" }, pointers: ["/overlap"] },
  { given: { every: "1h", ...FETCH, missed: "all" }, pointers: ["/missed"] },
  { given: { every: "1h", ...FETCH, crom: 1 }, pointers: ["/crom"] },
])("a wrong schedule is refused with a pointer: $given", ({ given, pointers }) => {
  assert.deepEqual(parseSchedule(given, NOW).issues?.map(({ pointer }) => pointer), pointers);
});

Deno.test.each([
  { cron: "@daily", timezone: "Asia/Kolkata", next: "2026-01-01T18:30:00Z" },
  { cron: "*/10 * * * * *", timezone: "UTC", next: "2026-01-01T00:00:10Z" },
  { cron: "0 9 * * MON-FRI", timezone: "America/New_York", next: "2026-01-01T14:00:00Z" },
])("$cron in $timezone runs next at $next", ({ cron, timezone, next }) => {
  assert.equal(nextTick({ cron, timezone }, NOW, NOW), at(next));
});

Deno.test("every counts from the creation, whatever was missed", () => {
  assert.equal(nextTick({ everyMs: HOUR }, NOW, NOW), NOW + HOUR);
  assert.equal(nextTick({ everyMs: HOUR }, NOW + HOUR - 1, NOW), NOW + HOUR);
  assert.equal(nextTick({ everyMs: HOUR }, NOW + HOUR, NOW), NOW + 2 * HOUR);
  assert.equal(nextTick({ everyMs: HOUR }, NOW + 9.5 * HOUR, NOW), NOW + 10 * HOUR);
  assert.equal(nextTick({ everyMs: HOUR }, NOW - 9.5 * HOUR, NOW), NOW - 9 * HOUR);
});

const record = (missed: "skip" | "once", more = {}) =>
  freshRecord(
    { everyMs: HOUR, overlap: "allow", missed, type: "fetch", body: "{}", ...more },
    "api",
    NOW,
  );

Deno.test("a tick is due at its time, not before, and not while the schedule is paused", () => {
  assert.equal(tickAt(record("skip"), NOW + HOUR - 1), undefined);
  assert.equal(tickAt({ ...record("skip"), paused: true }, NOW + HOUR), undefined);
  const tick = tickAt(record("skip"), NOW + HOUR);
  assert.deepEqual({ run: tick?.run, nextAt: tick?.record.nextAt }, {
    run: true,
    nextAt: NOW + 2 * HOUR,
  });
});

Deno.test.each([
  { missed: "skip" as const, run: false, skipped: 5 },
  { missed: "once" as const, run: true, skipped: 4 },
])("after five missed runs, missed: $missed makes a run: $run", ({ missed, run, skipped }) => {
  const tick = tickAt(record(missed), NOW + 5.5 * HOUR);
  assert.equal(tick?.run, run);
  assert.equal(tick?.record.skipped, skipped);
  assert.equal(tick?.record.nextAt, NOW + 6 * HOUR);
});

Deno.test("a run less than a minute late is not missed, also after missed ones", () => {
  const late = tickAt(record("skip"), NOW + HOUR + LATE_MS);
  assert.deepEqual({ run: late?.run, skipped: late?.record.skipped }, { run: true, skipped: 0 });
  const first = tickAt(record("skip"), NOW + 3 * HOUR + 1_000);
  assert.deepEqual({ run: first?.run, skipped: first?.record.skipped }, { run: false, skipped: 2 });
  const second = tickAt(first!.record, NOW + 3 * HOUR + 1_000);
  assert.deepEqual({ run: second?.run, nextAt: second?.record.nextAt }, {
    run: true,
    nextAt: NOW + 4 * HOUR,
  });
});

Deno.test("a year of missed seconds is skipped in one step", () => {
  const tick = tickAt(record("skip", { everyMs: 1_000 }), NOW + 365 * 24 * HOUR);
  assert.equal(tick?.run, false);
  assert.equal(tick?.record.nextAt, NOW + 365 * 24 * HOUR - LATE_MS + 1_000);
});
