import { textOfJson } from "../../src/lib/json/held_text.ts";
import assert from "node:assert/strict";

import { openIds } from "../../src/lib/ids.ts";
import { silentLog } from "../support/silent_log.ts";
import { openMemoryEngine } from "../../src/queue/memory/engine.ts";
import { parseNotify } from "../../src/task/input/notify.ts";
import type { Outcome } from "../../src/task/outcome.ts";
import type { EmailPayload } from "../../src/task/payloads.ts";
import { draftShortNotify } from "../../src/task/input/new_task.ts";
import { openWorker } from "../../src/worker/worker.ts";
import { FakeChannel } from "../support/fake_channel.ts";
import { FakeClock, settled } from "../support/fake_clock.ts";
import { notifyPorts } from "../support/notify_ports.ts";

const MAIL = { laneOf: () => "mail:localhost:25", from: { address: "post@example.org" } };
const DELIVERED: Outcome = { kind: "delivered", result: { queueId: "Q1" } };
const REFUSED: Outcome = { kind: "deferred", error: { code: "refused", detail: "Nobody there" } };
const MINUTE = 60_000;

Deno.test("one attempt serves all of a window, and all get its outcome", async () => {
  const channel = new FakeChannel(DELIVERED);
  await using world = setup(channel);
  const ids = [];
  for (const subject of ["One", "Two", "Three"]) ids.push(await world.accept(subject));
  world.worker.start();
  await world.windowEnd();
  await world.clock.advance(100);
  assert.equal(channel.attempts.length, 1);
  assert.deepEqual(subjectsOf(channel, 0), ["One", "Two", "Three"]);
  for (const id of ids) {
    const task = await world.engine.find(id);
    assert.deepEqual({ state: task?.state, result: task?.result, length: task?.attempts.length }, {
      state: "succeeded",
      result: { queueId: "Q1" },
      length: 1,
    });
  }
});

Deno.test("what was deferred together is tried again together", async () => {
  const channel = new FakeChannel(REFUSED);
  await using world = setup(channel);
  await world.accept("One", { retry: "5s" });
  await world.accept("Two", { retry: "5s" });
  world.worker.start();
  await world.windowEnd();
  await world.clock.advance(100);
  await world.clock.advance(10_000);
  await world.clock.advance(100);
  assert.deepEqual(channel.attempts.map((_, i) => subjectsOf(channel, i)), [
    ["One", "Two"],
    ["One", "Two"],
  ]);
});

Deno.test("no more than max go together, and none with what goes elsewhere", async () => {
  const channel = new FakeChannel(DELIVERED);
  await using world = setup(channel);
  const digest = { key: "k", window: "10m", max: 2 };
  for (const subject of ["1", "2", "3"]) await world.accept(subject, { digest });
  await world.accept("elsewhere", { digest, to: "bob@example.org" });
  world.worker.start();
  await world.windowEnd();
  await world.clock.advance(100);
  const told = channel.attempts.map((_, i) => subjectsOf(channel, i).join());
  assert.deepEqual(told.sort(), ["1,2", "3", "elsewhere"]);
});

Deno.test("one cancelled in its window, or before the digest leaves, is not in it", async () => {
  const channel = new FakeChannel(DELIVERED);
  await using world = setup(channel);
  const [early, late] = [await world.accept("early"), await world.accept("late")];
  await world.accept("stays");
  await world.engine.cancel(early, "request");
  world.worker.start();
  await world.windowEnd();
  await world.engine.cancel(late, "request");
  await settled();
  await world.clock.advance(100);
  assert.deepEqual(subjectsOf(channel, 0), ["stays"]);
  assert.equal((await world.engine.find(late))?.state, "cancelled");
});

Deno.test("a stop before the digest leaves hands all of it back untried", async () => {
  const channel = new FakeChannel(DELIVERED);
  const world = setup(channel);
  const id = await world.accept("One");
  world.worker.start();
  await world.windowEnd();
  const report = await world.worker.stop("drain", 0);
  assert.deepEqual({ released: report.released, length: channel.attempts.length }, {
    released: 1,
    length: 0,
  });
  assert.equal((await world.engine.find(id))?.state, "queued");
  await world.engine[Symbol.asyncDispose]();
});

Deno.test("a digest that is too large for the relay is sent in as many messages as fit", async () => {
  const channel = new FakeChannel();
  await using world = setup(channel);
  const ids = [];
  for (const subject of ["1", "2", "3", "4", "huge"]) ids.push(await world.accept(subject));
  world.worker.start();
  await world.windowEnd();
  await world.clock.advance(100);
  const tooLarge: Outcome = { kind: "rejected", error: { code: "too_large", detail: "Too large" } };
  for (let answered = 0; answered < channel.attempts.length; answered++) {
    const subjects = subjectsOf(channel, answered);
    const fits = subjects.length <= 2 && !subjects.includes("huge");
    channel.attempts[answered]?.answer(fits ? DELIVERED : tooLarge);
    await settled();
  }
  const states = [];
  for (const id of ids) states.push((await world.engine.find(id))?.state);
  assert.deepEqual(states, ["succeeded", "succeeded", "succeeded", "succeeded", "failed"]);
  const last = await world.engine.find(ids[4] ?? "");
  assert.deepEqual([last?.error?.code, last?.attempts.length], ["too_large", 1]);
});

function subjectsOf(channel: FakeChannel, index: number): string[] {
  const { attempt } = channel.attempts[index] ?? assert.fail();
  const { subject, gathered = [] } = JSON.parse(textOfJson(attempt.payload)) as EmailPayload;
  return [subject, ...gathered.map((one) => one.subject)];
}

function setup(channel: FakeChannel) {
  const clock = new FakeClock();
  const engine = openMemoryEngine({ clock });
  const ids = openIds(clock.now.bind(clock), (bytes) => bytes.fill(7));
  const worker = openWorker({
    engine,
    runner: channel,
    clock,
    random: Math.random,
    log: silentLog,
    concurrency: 10,
    onFatal: (error) => {
      throw error;
    },
  });
  return {
    clock,
    engine,
    worker,
    /** Until the window ends, and not a moment longer. */
    windowEnd: () => clock.advance(10 * MINUTE - clock.now() % (10 * MINUTE)),
    async accept(subject: string, more: Record<string, unknown> = {}): Promise<string> {
      const digest = { key: "builds", window: "10m" };
      const body = { to: "ada@example.org", subject, digest, ...more };
      const parsed = parseNotify(body, notifyPorts());
      if (!("value" in parsed)) throw new TypeError(JSON.stringify(parsed));
      const [request] = parsed.value.requests;
      assert.ok(request);
      const { drafted } = draftShortNotify(request, { ids, now: clock.now() }, MAIL);
      const tasks = drafted.map(({ task }) => task);
      await engine.insert({ tasks });
      return tasks[0]?.id ?? "";
    },
    async [Symbol.asyncDispose]() {
      const stopped = worker.stop("shutdown", 0);
      await clock.advance(1_000);
      await stopped;
      await engine[Symbol.asyncDispose]();
    },
  };
}
