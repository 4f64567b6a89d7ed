import assert from "node:assert/strict";
import { parseSchedule } from "../../src/schedules/schedule.ts";
import { freshRecord } from "../../src/schedules/schedule_record.ts";
import { Scheduler } from "../../src/schedules/scheduler.ts";
import { openMetrics } from "../../src/lib/metrics.ts";
import { openIds } from "../../src/lib/ids.ts";
import type { Log } from "../../src/lib/log.ts";
import { EngineError, type QueueEngine } from "../../src/queue/engine.ts";
import { openQueue } from "../../src/queue/open.ts";
import { openSubmitParser } from "../../src/task/input/parse_submit.ts";
import type { Ports } from "../../src/task/ports.ts";
import type { Json, TaskSummary } from "../../src/task/task.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { expectedRuns, localMinutes, ZONES } from "./cron_oracle.ts";

const HOUR = 3_600_000;
const FETCH = { url: "https://example.org/" };
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
  /** The fields of each warning. */
  readonly warnings: unknown[];
  /** The series of a metric that are not 0. */
  runs(): Promise<string[]>;
}

async function setup(
  { url = "memory:", startAt = Date.UTC(2026, 0, 1), longestWaitMs = DAY, maxQueued = Infinity } =
    {},
): Promise<World> {
  const clock = new FakeClock(startAt);
  const engine = await openQueue(url, { clock });
  const warnings: unknown[] = [];
  const log: Log = {
    debug() {},
    info() {},
    warn: (_, fields) => warnings.push(fields),
    error: (message) => assert.fail(message),
  };
  const metrics = openMetrics({});
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
    warnings,
    async runs() {
      const lines = (await metrics.text({ tasks: {}, queued: {}, gauges: {} })).split("\n");
      return lines.filter((line) => /^postrider_schedule_runs_total.* [1-9]/.test(line))
        .map((line) => line.slice("postrider_schedule_runs_total".length));
    },
    async start() {
      const maxQueuedOf = () => maxQueued;
      const parts = { engine, ids, clock, acceptance, log, metrics, maxQueuedOf };
      const scheduler = new Scheduler({ ...parts, longestWaitMs });
      opened.push(scheduler);
      await scheduler.start();
      return scheduler;
    },
    async put(scheduler, name, given) {
      const body = { url: "https://example.org/", key: name };
      const parsed = parseSchedule({ fetch: body, ...given }, clock.now());
      assert.ok(!parsed.issues, JSON.stringify(parsed.issues));
      const record = freshRecord(parsed.value, "api", clock.now(), "ada");
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

Deno.test("a schedule runs once a day over clock changes in ten time zones", async () => {
  const from = Date.UTC(2026, 2, 1);
  await using world = await setup({ startAt: from });
  const scheduler = await world.start();
  const cron = "30 2 * * *";
  const nameOf = (timezone: string) => timezone.replace("/", "-");
  for (const timezone of ZONES) {
    await world.put(scheduler, nameOf(timezone), { cron, timezone, overlap: "allow" });
  }
  const to = from + 60 * DAY;
  await world.clock.advance(to - from);
  const made = Map.groupBy(await world.tasks(), ({ key }) => key ?? "");
  for (const timezone of ZONES) {
    const times = (made.get(nameOf(timezone)) ?? []).map(({ createdAt }) => createdAt);
    assert.deepEqual(times, expectedRuns(cron, localMinutes(timezone, from, to)), timezone);
  }
});

Deno.test("each tick has exactly one run with two schedulers that restart repeatedly", async () => {
  const folder = await Deno.makeTempDir();
  {
    await using world = await setup({ url: `sqlite:${folder}/q.db` });
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
  assert.equal(scheduler.find("hourly")!.record.skipped, 2);
});

Deno.test("a run with an invalid body creates no task, stores why, and the next run is tried", async () => {
  await using world = await setup();
  const scheduler = await world.start();
  await world.put(scheduler, "bad", { every: "1h", fetch: { url: "nowhere" } });
  await world.clock.advance(2 * HOUR);
  assert.equal((await world.tasks()).length, 0);
  const { error, nextAt } = scheduler.find("bad")!.record;
  assert.match(error ?? "", /^\/url: Expected/);
  assert.equal(nextAt, world.clock.now() + HOUR);
  assert.deepEqual(world.warnings, [
    { schedule: "bad", detail: error },
    { schedule: "bad", detail: error },
  ]);
  assert.deepEqual(await world.runs(), ['{schedule="bad",result="failed"} 2']);
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

Deno.test("the runs of a schedule count for the quota of its API key", async () => {
  await using world = await setup({ maxQueued: 2 });
  const scheduler = await world.start();
  await world.put(scheduler, "hourly", { every: "1h", overlap: "allow" });
  await world.clock.advance(4 * HOUR);
  assert.equal((await world.tasks()).length, 2);
  await world.engine.cancelAll({ owner: "ada" }, "request");
  // The refused run, which is tried again, and the next.
  await world.clock.advance(HOUR);
  assert.equal((await world.engine.counts()).queued, 2);
});

Deno.test("a schedule whose insert hangs delays no other schedule", async () => {
  await using world = await setup();
  const scheduler = await world.start();
  await world.put(scheduler, "slow", { every: "1h", overlap: "allow" });
  await world.put(scheduler, "quick", { every: "1h", overlap: "allow" });
  const { engine } = world;
  const insert = engine.insert.bind(engine);
  const hanging = Promise.withResolvers<void>();
  engine.insert = async (submission) => {
    if (submission.schedule?.name === "slow") await hanging.promise;
    return await insert(submission);
  };
  await world.clock.advance(3 * HOUR);
  assert.deepEqual((await world.tasks()).map(({ key }) => key), ["quick", "quick", "quick"]);
  hanging.resolve();
  await world.clock.advance(0);
  // The hanging run is made; the one missed meanwhile by more than a minute is skipped.
  assert.deepEqual((await world.tasks()).filter(({ key }) => key === "slow").length, 2);
});

Deno.test("a run that cannot be stored is logged once and counted when it succeeds", async () => {
  await using world = await setup();
  const scheduler = await world.start();
  await world.put(scheduler, "hourly", { every: "1h" });
  const { engine } = world;
  const insert = engine.insert.bind(engine);
  engine.insert = () => Promise.reject(new EngineError("away"));
  await world.clock.advance(HOUR + 20_000);
  engine.insert = insert;
  await world.clock.advance(10_000);
  assert.equal(world.warnings.length, 1);
  assert.deepEqual(await world.runs(), ['{schedule="hourly",result="created"} 1']);
});

Deno.test.each([
  { given: { every: "1m" }, back: HOUR, inMs: 60_000 },
  { given: { every: "1s" }, back: 30_000, inMs: 1_000 },
  { given: { cron: "0 * * * *" }, back: 3 * HOUR, inMs: HOUR },
  { given: { cron: "0 3 * * *" }, back: 30 * DAY, inMs: DAY },
])("$given runs on in time after the clock was set back", async ({ given, back, inMs }) => {
  await using world = await setup({ longestWaitMs: 60_000 });
  const scheduler = await world.start();
  await world.put(scheduler, "x", { ...given, overlap: "allow" });
  await world.clock.advance(inMs);
  const { length } = await world.tasks();
  assert.equal(length, 1);
  world.clock.jump(-back);
  await world.clock.advance(2 * 60_000 + inMs);
  assert.ok((await world.tasks()).length > length, "none since");
});

Deno.test("after a restart with the clock set right, the next run is no further than one step", async () => {
  await using world = await setup();
  const scheduler = await world.start();
  world.clock.jump(HOUR);
  await world.put(scheduler, "x", { every: "1m", overlap: "allow" });
  await world.clock.advance(60_000);
  assert.equal((await world.tasks()).length, 1);
  await scheduler.stop();
  world.clock.jump(-HOUR);
  const restarted = await world.start();
  await world.clock.advance(60_000);
  assert.equal((await world.tasks()).length, 2);
  const { nextAt } = restarted.find("x")!.record;
  assert.ok(Number(nextAt) - world.clock.now() <= 60_000);
});

Deno.test("a clock that goes back a little does not repeat a run", async () => {
  await using world = await setup({ longestWaitMs: 60_000 });
  const scheduler = await world.start();
  await world.put(scheduler, "daily", { cron: "0 3 * * *", overlap: "allow" });
  await world.clock.advance(3 * HOUR);
  world.clock.jump(-30_000);
  await world.clock.advance(5 * 60_000);
  assert.equal((await world.tasks()).length, 1);
});

Deno.test("a clock set forward by a day makes one run with missed once", async () => {
  await using world = await setup({ longestWaitMs: 60_000 });
  const scheduler = await world.start();
  await world.put(scheduler, "hourly", { every: "1h", overlap: "allow", missed: "once" });
  world.clock.jump(DAY - 60_000);
  await world.clock.advance(60_000);
  // One for those that were missed, and the one that is due now.
  assert.equal((await world.tasks()).length, 2);
});

Deno.test("a schedule that an older version stored without a next time is over and never runs", async () => {
  await using world = await setup();
  const ended = { cron: "0 0 0 1 1 * 2020", timezone: "UTC" };
  const records = {
    ended: { ...ended, nextAt: null },
    date: { cron: "2026-01-01T00:00:03Z", timezone: "UTC", nextAt: null },
    nothing: null,
  };
  for (const [name, stored] of Object.entries(records)) {
    const { nextAt, ...when } = stored ?? {};
    const spec = { ...when, overlap: "skip", missed: "once", type: "fetch", body: FETCH };
    const record = stored && { spec, source: "api", createdAt: 0, nextAt, runs: 1, skipped: 0 };
    const schedule = { name, expects: 0, record: (record ?? {}) as Json };
    await world.engine.insert({ tasks: [], schedule });
  }
  for (let start = 0; start < 3; start++) {
    const scheduler = await world.start();
    await world.clock.advance(DAY);
    assert.deepEqual(scheduler.list().map(({ record }) => record.nextAt), [
      undefined,
      undefined,
      undefined,
    ]);
    await scheduler.stop();
  }
  assert.equal((await world.tasks()).length, 0);
});

Deno.test("a next run that an older version computed too far away is corrected at the start", async () => {
  await using world = await setup({ startAt: Date.parse("2027-03-27T12:00Z") });
  const spec = { cron: "0,30 2 28 3 *", timezone: "Europe/Berlin", overlap: "skip" };
  const whole = { ...spec, missed: "skip", type: "fetch", body: FETCH };
  const nextAt = Date.parse("2028-03-28T00:00Z");
  const record = { spec: whole, source: "api", createdAt: 0, nextAt, runs: 0, skipped: 0 };
  await world.engine.insert({ tasks: [], schedule: { name: "x", expects: 0, record } });
  await world.start();
  await world.clock.advance(DAY);
  assert.deepEqual((await world.tasks()).map(({ createdAt }) => createdAt), [
    Date.parse("2027-03-28T01:00Z"),
  ]);
});

Deno.test("a scheduler takes over what another one has changed, and retries a failed read", async () => {
  await using world = await setup();
  const [one, two] = [await world.start(), await world.start()];
  await world.put(one, "hourly", { every: "1h" });
  assert.equal(two.find("hourly"), undefined);
  const { engine } = world;
  const schedules = engine.schedules.bind(engine);
  let reads = 0;
  engine.schedules = () => {
    reads++;
    return Promise.reject(new EngineError("away"));
  };
  await Promise.all([two.refresh(), two.refresh(), two.refresh()]);
  assert.equal(reads, 1);
  assert.equal(world.warnings.length, 1);
  engine.schedules = schedules;
  await world.clock.advance(5_000);
  assert.ok(two.find("hourly"));
  await one.change("hourly", () => undefined);
  await two.refresh();
  assert.equal(two.find("hourly"), undefined);
});
