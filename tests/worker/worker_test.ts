import assert from "node:assert/strict";

import { openIds } from "../../src/lib/ids.ts";
import { silentLog } from "../support/silent_log.ts";
import { openMemoryEngine } from "../../src/queue/memory/engine.ts";
import type { Outcome } from "../../src/task/outcome.ts";
import type { NewTask } from "../../src/task/task.ts";
import { openWorker } from "../../src/worker/worker.ts";
import { FakeChannel } from "../support/fake_channel.ts";
import { FakeClock, settled } from "../support/fake_clock.ts";

const DELIVERED: Outcome = { kind: "delivered", result: { status: 200 } };
const REFUSED: Outcome = { kind: "deferred", error: { code: "refused", detail: "Nobody there" } };

Deno.test("A worker attempts an accepted task and keeps its result", async () => {
  await using world = setup(new FakeChannel(DELIVERED));
  const id = await world.accept();
  world.worker.start();
  await settled();
  const task = await world.engine.find(id);
  assert.equal(task?.state, "succeeded");
  assert.equal(task?.delivery, "delivered");
  assert.deepEqual(task?.result, { status: 200 });
  assert.equal(task?.attempts.length, 1);
});

Deno.test("A worker stays within its concurrency", async () => {
  const channel = new FakeChannel();
  await using world = setup(channel, { concurrency: 2 });
  for (let i = 0; i < 5; i++) await world.accept();
  world.worker.start();
  await settled();
  assert.equal(channel.attempts.length, 2);
  channel.attempts[0]?.answer(DELIVERED);
  await settled();
  assert.equal(channel.attempts.length, 3);
  assert.equal(world.worker.running, 2);
});

Deno.test("A deferred task is tried again after its step", async () => {
  const channel = new FakeChannel(REFUSED);
  await using world = setup(channel);
  const id = await world.accept({ retry: [10_000] });
  world.worker.start();
  await settled();
  assert.equal((await world.engine.find(id))?.state, "queued");
  assert.equal((await world.engine.find(id))?.error?.code, "refused");
  await world.clock.advance(9_999);
  assert.equal(channel.attempts.length, 1);
  await world.clock.advance(1);
  assert.equal(channel.attempts.length, 2);
  assert.equal((await world.engine.find(id))?.reason, "exhausted");
});

Deno.test("An attempt past its timeout is aborted by its signal", async () => {
  const channel = new FakeChannel();
  await using world = setup(channel);
  const id = await world.accept({ timeoutMs: 5_000 });
  world.worker.start();
  await world.clock.advance(4_999);
  assert.equal(channel.of(id).context.signal.aborted, false);
  await world.clock.advance(1);
  assert.equal(channel.of(id).context.signal.reason, "timeout");
});

Deno.test("An attempt that ignores its abort is settled as a timeout and abandoned", async () => {
  const channel = new FakeChannel();
  await using world = setup(channel, { concurrency: 1 });
  const id = await world.accept({ timeoutMs: 5_000 });
  const next = await world.accept();
  world.worker.start();
  await world.clock.advance(6_000);
  assert.equal((await world.engine.find(id))?.error?.code, "timeout");
  assert.equal((await world.engine.find(id))?.delivery, "not_delivered");
  assert.equal(channel.of(next).attempt.taskId, next);
});

Deno.test("The rate counts only the bytes that this attempt has moved", async () => {
  const channel = new FakeChannel();
  await using world = setup(channel);
  const id = await world.accept();
  world.worker.start();
  await world.clock.advance(2_000);
  channel.of(id).context.progress({ bytes: 900, totalBytes: 1_000, keptBytes: 700 });
  assert.deepEqual(world.worker.progressOf(id), { bytes: 900, totalBytes: 1_000, rate: 100 });
  channel.of(id).answer(DELIVERED);
  await settled();
});

Deno.test("A channel with a grace gets it once it is sending", async () => {
  const channel = new FakeChannel(undefined, { graceMs: 600_000 });
  await using world = setup(channel);
  const id = await world.accept({ timeoutMs: 5_000 });
  world.worker.start();
  await world.clock.advance(3_000);
  channel.of(id).context.progress({ stage: "sending" });
  await world.clock.advance(601_999);
  assert.equal(channel.of(id).context.signal.aborted, false);
  await world.clock.advance(1);
  assert.equal(channel.of(id).context.signal.reason, "timeout");
});

Deno.test("An attempt interrupted while sending is unknown, and its next try is marked as a possible duplicate", async () => {
  const channel = new FakeChannel();
  await using world = setup(channel);
  const id = await world.accept({ timeoutMs: 5_000, retry: [1_000] });
  world.worker.start();
  await settled();
  channel.of(id).context.progress({ stage: "sending" });
  await world.clock.advance(6_000);
  const task = await world.engine.find(id);
  assert.equal(task?.possibleDuplicate, true);
  assert.equal(task?.attempts[0]?.outcome, "unknown");
});

Deno.test("Cancelling a running task aborts it, and it stays cancelled", async () => {
  const channel = new FakeChannel();
  await using world = setup(channel);
  const id = await world.accept();
  world.worker.start();
  await settled();
  assert.equal(await world.engine.cancel(id, "request"), "aborting");
  await settled();
  assert.equal(channel.of(id).context.signal.reason, "cancelled");
  channel.of(id).answer(REFUSED);
  await settled();
  const task = await world.engine.find(id);
  assert.equal(task?.state, "cancelled");
  assert.equal(task?.reason, "request");
  assert.equal(task?.attempts[0]?.outcome, "cancelled");
});

Deno.test("A task delivered before its abort arrives has succeeded", async () => {
  const channel = new FakeChannel();
  await using world = setup(channel);
  const id = await world.accept();
  world.worker.start();
  await settled();
  await world.engine.cancel(id, "request");
  channel.of(id).answer(DELIVERED);
  await settled();
  assert.equal((await world.engine.find(id))?.state, "succeeded");
});

Deno.test("A channel that throws is logged once with its task, and the task is kept", async () => {
  const channel = new FakeChannel();
  const lines: unknown[] = [];
  const log = {
    ...silentLog,
    error: (message: string, fields = {}) => lines.push(message, fields),
  };
  await using world = setup(channel, { log });
  const id = await world.accept({ retry: [1_000] });
  world.worker.start();
  await settled();
  channel.of(id).break(new Error("a bug"));
  await settled();
  assert.equal(lines.length, 2);
  assert.equal((lines[1] as { task: string }).task, id);
  assert.equal((await world.engine.find(id))?.state, "queued");
});

Deno.test("A drain lets running attempts end", async () => {
  const channel = new FakeChannel();
  await using world = setup(channel);
  const [first, second] = [await world.accept(), await world.accept()];
  world.worker.start();
  await settled();
  const stopped = world.worker.stop("drain", 8_000);
  channel.of(first).answer(DELIVERED);
  channel.of(second).answer(DELIVERED);
  assert.deepEqual(await stopped, { finished: 2, released: 0, aborted: 0, unknown: 0 });
  assert.equal((await world.engine.find(first))?.state, "succeeded");
});

Deno.test("A drain releases attempts that outlive the grace", async () => {
  const channel = new FakeChannel();
  await using world = setup(channel);
  const id = await world.accept();
  world.worker.start();
  await settled();
  const stopped = world.worker.stop("drain", 8_000);
  await world.clock.advance(8_000);
  assert.equal(channel.of(id).context.signal.reason, "drain");
  channel.of(id).answer(REFUSED);
  assert.equal((await stopped).released, 1);
  const task = await world.engine.find(id);
  assert.equal(task?.state, "queued");
  assert.equal(task?.attempt, 0);
});

Deno.test("A shutdown cancels what it aborts, and reports unknown where bytes had left", async () => {
  const channel = new FakeChannel();
  await using world = setup(channel);
  const [idle, sending] = [await world.accept(), await world.accept()];
  world.worker.start();
  await settled();
  channel.of(sending).context.progress({ stage: "sending" });
  const stopped = world.worker.stop("shutdown", 0);
  await settled();
  channel.of(idle).answer(REFUSED);
  channel.of(sending).answer({ kind: "unknown", error: { code: "aborted", detail: "Cut off" } });
  assert.deepEqual(await stopped, { finished: 0, released: 0, aborted: 1, unknown: 1 });
  const tasks = [await world.engine.find(idle), await world.engine.find(sending)];
  assert.deepEqual(tasks.map((task) => [task?.state, task?.reason, task?.delivery]), [
    ["cancelled", "shutdown", "not_delivered"],
    ["cancelled", "shutdown", "unknown"],
  ]);
});

Deno.test("A stopped worker claims nothing", async () => {
  const channel = new FakeChannel(DELIVERED);
  await using world = setup(channel);
  world.worker.start();
  await settled();
  await world.worker.stop("drain", 0);
  await world.accept();
  await settled();
  assert.equal(channel.attempts.length, 0);
});

Deno.test("an attempt that begins late gets its whole timeout from then on", async () => {
  const channel = new FakeChannel();
  await using world = setup(channel);
  const id = await world.accept({ timeoutMs: 5_000 });
  world.worker.start();
  await world.clock.advance(4_000);
  channel.of(id).context.progress({ stage: "begun" });
  await world.clock.advance(5_000);
  assert.equal(channel.of(id).context.signal.aborted, false, "the channel enforces it");
  await world.clock.advance(2_000);
  assert.equal(
    channel.of(id).context.signal.reason,
    "timeout",
    "a channel that does not is aborted",
  );
});

Deno.test("a cancelled attempt that is sending may wait for its answer, until the service ends", async () => {
  const channel = new FakeChannel(undefined, { graceMs: 600_000 });
  await using world = setup(channel);
  const [first, second] = [await world.accept(), await world.accept()];
  world.worker.start();
  await settled();
  for (const id of [first, second]) {
    channel.of(id).context.progress({ stage: "sending" });
    await world.engine.cancel(id, "request");
  }
  await world.clock.advance(60_000);
  channel.of(first).answer(DELIVERED);
  await settled();
  assert.equal((await world.engine.find(first))?.state, "succeeded");
  assert.equal((await world.engine.find(second))?.state, "running");
  const stopped = world.worker.stop("shutdown", 0);
  await settled();
  assert.equal(channel.of(second).context.shutdown.aborted, true);
  await world.clock.advance(1_000);
  await stopped;
  assert.equal((await world.engine.find(second))?.delivery, "unknown");
});

Deno.test("what never had its turn is handed back, and costs no attempt", async () => {
  const channel = new FakeChannel();
  await using world = setup(channel);
  const id = await world.accept({ retry: [] });
  world.worker.start();
  await settled();
  channel.of(id).answer({ ...REFUSED, untried: true } as Outcome);
  await settled();
  const held = channel.of(id);
  assert.equal(held.attempt.number, 1, "the second try has the number of the first");
  held.answer(DELIVERED);
  await settled();
  const task = await world.engine.find(id);
  assert.deepEqual({ state: task?.state, length: task?.attempts.length }, {
    state: "succeeded",
    length: 1,
  });
});

Deno.test("a refusal of everybody is listed once, holds the lane, and uses up no retry", async () => {
  const refusal = (uncounted: number): Outcome => ({
    ...REFUSED,
    kind: "deferred",
    uncounted,
    hold: { forMs: 5_000, reason: "421", probe: true },
  } as Outcome);
  const channel = new FakeChannel();
  await using world = setup(channel);
  const [first, second] = [
    await world.accept({ retry: [1_000] }),
    await world.accept({ retry: [1_000] }),
  ];
  world.worker.start();
  await settled();
  channel.of(first).answer(refusal(1));
  channel.of(second).answer(refusal(1));
  await settled();
  assert.equal(channel.attempts.length, 2, "nothing begins while the lane is held");
  await world.clock.advance(5_000);
  assert.equal(channel.attempts.length, 3, "one attempt probes");
  channel.attempts[2]?.answer(DELIVERED);
  await world.clock.advance(1_000);
  channel.attempts[3]?.answer({ ...REFUSED, kind: "deferred", uncounted: 1 } as Outcome);
  await world.clock.advance(2_000);
  channel.attempts[4]?.answer(DELIVERED);
  await settled();
  const tasks = [await world.engine.find(first), await world.engine.find(second)];
  assert.deepEqual(tasks.map((task) => task?.state), ["succeeded", "succeeded"]);
  assert.equal(tasks[1]?.attempts.length, 1, "the second refusal is not listed");
  assert.equal(tasks[0]?.attempts.length, 3);
});

function setup(channel: FakeChannel, { concurrency = 10, log = silentLog } = {}) {
  const clock = new FakeClock();
  const engine = openMemoryEngine({ clock });
  const worker = openWorker({
    engine,
    runner: channel,
    clock,
    random: () => 0,
    log,
    concurrency,
    onFatal: (error) => {
      throw error;
    },
  });
  const next = openIds(clock.now.bind(clock), (bytes) => bytes.fill(7));
  return {
    clock,
    engine,
    worker,
    async accept(
      task: Partial<Pick<NewTask, "retry" | "timeoutMs">> = {},
    ): Promise<string> {
      const id = next("tsk");
      await engine.insert({ tasks: [{ ...aTask(id, clock.now()), ...task }] });
      return id;
    },
    async [Symbol.asyncDispose]() {
      const stopped = worker.stop("shutdown", 0);
      await clock.advance(1_000);
      await stopped;
      await engine[Symbol.asyncDispose]();
    },
  };
}

function aTask(id: string, now: number): NewTask {
  return {
    id,
    type: "fetch",
    channel: "http",
    lane: "http://example.org:80",
    payload: "{}",
    label: "GET http://example.org/",
    createdAt: now,
    dueAt: now,
    priority: 5,
    retry: [],
    timeoutMs: 30_000,
    onUnknown: "retry",
  };
}
