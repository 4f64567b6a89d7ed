import assert from "node:assert/strict";
import { parseSchedule } from "../../src/schedules/schedule.ts";
import { freshRecord, recordOf } from "../../src/schedules/schedule_record.ts";
import { Scheduler } from "../../src/schedules/scheduler.ts";
import { openIds } from "../../src/lib/ids.ts";
import type { Log } from "../../src/lib/log.ts";
import type { QueueEngine } from "../../src/queue/engine.ts";
import { openQueue } from "../../src/queue/open.ts";
import { openSubmitParser } from "../../src/task/input/parse_submit.ts";
import type { Ports } from "../../src/task/ports.ts";
import type { TaskSummary } from "../../src/task/task.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { runs } from "../support/runs.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

interface World extends AsyncDisposable {
  readonly clock: FakeClock;
  readonly engine: QueueEngine;
  /** Opens a scheduler, as a start of the service does. */
  start(): Promise<Scheduler>;
  /** Sets a schedule up. */
  put(scheduler: Scheduler, name: string, given: Record<string, unknown>): Promise<void>;
  /** All tasks, oldest first. */
  tasks(): Promise<TaskSummary[]>;
  readonly errors: unknown[];
}

async function setup(url = "memory:", startAt = Date.UTC(2026, 0, 1)): Promise<World> {
  const clock = new FakeClock(startAt);
  const engine = await openQueue(url, { clock });
  const errors: unknown[] = [];
  const quiet = { debug() {}, info() {}, warn() {} };
  const log: Log = { ...quiet, error: (_, fields) => errors.push(fields) };
  const ids = openIds(() => clock.now(), (bytes) => bytes.fill(7), engine.lastSequence);
  const acceptance = openSubmitParser({
    mailFrom: "postrider@localhost",
    mailLaneOf: () => "mail",
    refuseUrl: () => undefined,
  } as Partial<Ports> as Ports);
  const opened: Scheduler[] = [];
  return {
    clock,
    engine,
    errors,
    async start() {
      const parts = { engine, ids, clock, acceptance, log, longestWaitMs: DAY };
      const scheduler = new Scheduler(parts);
      opened.push(scheduler);
      await scheduler.start();
      return scheduler;
    },
    async put(scheduler, name, given) {
      const body = { url: "https://example.org/", key: name };
      const parsed = parseSchedule({ fetch: body, ...given }, clock.now());
      assert.ok(!parsed.issues, JSON.stringify(parsed.issues));
      const record = freshRecord(parsed.value, "api", clock.now());
      await scheduler.change(name, () => record);
    },
    async tasks() {
      const all: TaskSummary[] = [];
      for (let cursor: string | undefined, more = true; more;) {
        const page = await engine.list({}, 200, cursor);
        all.push(...page.tasks);
        cursor = page.nextCursor;
        more = cursor !== undefined;
      }
      return all.reverse();
    },
    async [Symbol.asyncDispose]() {
      for (const scheduler of opened) await scheduler.stop();
      await engine[Symbol.asyncDispose]();
    },
  };
}

/** Ten zones with different rules for summer time. */
const ZONES = [
  "Europe/Vienna",
  "Europe/London",
  "America/New_York",
  "America/Santiago",
  "America/St_Johns",
  "Australia/Lord_Howe",
  "Asia/Kolkata",
  "Asia/Tehran",
  "Africa/Cairo",
  "Pacific/Chatham",
];

/** Half past two local time on each day of 2026, computed independently of the scheduler. */
function halfPastTwo(timeZone: string, from: number, to: number): number[] {
  const times: number[] = [];
  const last = Temporal.PlainDate.from("2027-01-02");
  for (
    let day = Temporal.PlainDate.from("2025-12-30");
    Temporal.PlainDate.compare(day, last) < 0;
    day = day.add({ days: 1 })
  ) {
    const wall = { ...fieldsOf(day), hour: 2, minute: 30, timeZone };
    let moment: Temporal.ZonedDateTime;
    const first = Temporal.ZonedDateTime.from(wall, { disambiguation: "earlier" });
    if (first.hour === 2 && first.minute === 30) moment = first;
    // Skipped by a clock change: right after the gap.
    else moment = first.getTimeZoneTransition("next") as Temporal.ZonedDateTime;
    if (moment.epochMilliseconds > from && moment.epochMilliseconds <= to) {
      times.push(moment.epochMilliseconds);
    }
  }
  return times;
}

function fieldsOf({ year, month, day }: Temporal.PlainDate) {
  return { year, month, day };
}

// The first hundred days have the change to summer time of the northern zones.
const DAYS = runs(100, 365);

Deno.test(`${DAYS} days of ticks in ten time zones: none is missed, none is doubled`, async () => {
  await using world = await setup();
  const from = world.clock.now();
  const scheduler = await world.start();
  for (const timezone of ZONES) {
    await world.put(scheduler, timezone.replace("/", "-"), {
      cron: "30 2 * * *",
      timezone,
      overlap: "allow",
    });
  }
  await world.clock.advance(DAYS * DAY);
  const made = Map.groupBy(await world.tasks(), ({ key }) => key ?? "");
  let ticks = 0;
  for (const timezone of ZONES) {
    const expected = halfPastTwo(timezone, from, world.clock.now());
    const times = (made.get(timezone.replace("/", "-")) ?? []).map(({ createdAt }) => createdAt);
    assert.deepEqual(times, expected, timezone);
    assert.equal(times.length, DAYS, timezone);
    ticks += times.length;
  }
  assert.equal(ticks, 10 * DAYS);
});

Deno.test("each tick has exactly one run with two schedulers that restart repeatedly", async () => {
  const folder = await Deno.makeTempDir();
  {
    await using world = await setup(`sqlite:${folder}/q.db`);
    let [one, two] = [await world.start(), await world.start()];
    await world.put(one, "hourly", { every: "1h", overlap: "allow" });
    await two.stop();
    two = await world.start();
    for (let hour = 0; hour < 48; hour++) {
      await world.clock.advance(HOUR);
      for (const deadline = Date.now() + 5_000;;) {
        const { length } = await world.tasks();
        if (length > hour) break;
        assert.ok(Date.now() < deadline, `hour ${hour}: ${length} runs`);
      }
      if (hour % 3 === 0) await one.stop().then(async () => one = await world.start());
      if (hour % 5 === 0) await two.stop().then(async () => two = await world.start());
    }
    const times = (await world.tasks()).map(({ createdAt }) => createdAt);
    assert.equal(times.length, 48);
    assert.equal(new Set(times).size, 48);
  }
  await Deno.remove(folder, { recursive: true });
});

Deno.test.each([
  { missed: "skip", runs: 1 },
  { missed: "once", runs: 2 },
])(
  "after a downtime of three hours, with $missed there are $runs runs",
  async ({ missed, runs }) => {
    await using world = await setup();
    const scheduler = await world.start();
    await world.put(scheduler, "hourly", { every: "1h", overlap: "allow", missed });
    await scheduler.stop();
    await world.clock.advance(3.5 * HOUR);
    await world.start();
    await world.clock.advance(0.5 * HOUR);
    assert.equal((await world.tasks()).length, runs);
  },
);

Deno.test("with overlap skip, no run starts while the previous one is not final", async () => {
  await using world = await setup();
  const scheduler = await world.start();
  await world.put(scheduler, "hourly", { every: "1h" });
  await world.clock.advance(3 * HOUR);
  const [first, ...more] = await world.tasks();
  assert.deepEqual(more, []);
  await world.engine.cancel(first!.id, "request");
  await world.clock.advance(HOUR);
  assert.equal((await world.tasks()).length, 2);
  assert.equal(recordOf(scheduler.find("hourly")!).skipped, 2);
});

Deno.test("a run with an invalid body creates no task, stores why, and the next run is tried", async () => {
  await using world = await setup();
  const scheduler = await world.start();
  await world.put(scheduler, "bad", { every: "1h", fetch: { url: "nowhere" } });
  await world.clock.advance(2 * HOUR);
  assert.equal((await world.tasks()).length, 0);
  const { error, nextAt } = recordOf(scheduler.find("bad")!);
  assert.match(error ?? "", /^\/url: Expected/);
  assert.equal(nextAt, world.clock.now() + HOUR);
  assert.equal(world.errors.length, 2);
});

Deno.test("a tick refused by a full queue is tried again", async () => {
  await using world = await setup();
  const scheduler = await world.start();
  await world.put(scheduler, "hourly", { every: "1h" });
  const { engine } = world;
  const insert = engine.insert.bind(engine);
  engine.insert = () => Promise.resolve({ kind: "refused", code: "queue_full" });
  await world.clock.advance(HOUR);
  assert.equal((await world.tasks()).length, 0);
  engine.insert = insert;
  await world.clock.advance(5_000);
  assert.equal((await world.tasks()).length, 1);
});
