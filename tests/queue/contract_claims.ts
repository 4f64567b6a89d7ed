/** Claiming and settling: order, lanes, limits, holds, retries, expiry. */

import assert from "node:assert/strict";
import { LANE, type OpenEngine, World } from "./world.ts";

const OTHER = "http://other.example:80";

/** Registers the tests for an engine. */
export function claimContract(name: string, open: OpenEngine): void {
  Deno.test(`${name}: a claim waits until a task is inserted, and counts the attempt`, async () => {
    await using world = await World.open(open);
    const claim = world.engine.claim(5, new AbortController().signal);
    await world.engine.counts();
    const id = await world.insertOne({ requestId: "r" });
    const [task] = await claim;
    assert.deepEqual(task, {
      id,
      type: "fetch",
      channel: "http",
      lane: LANE,
      payload: `{"url":"http://example.org/"}`,
      attempt: 1,
      startedAt: world.clock.now(),
      createdAt: world.clock.now(),
      dueAt: world.clock.now(),
      retry: [1_000, 5_000],
      timeoutMs: 30_000,
      onUnknown: "retry",
      possibleDuplicate: false,
      requestId: "r",
    });
    assert.equal(await world.stateOf(id), "running");
  });

  Deno.test(`${name}: waiting claims are served in order`, async () => {
    await using world = await World.open(open);
    const { signal } = new AbortController();
    const claims = [1, 2].map(() => world.engine.claim(1, signal));
    const ids = await world.insert({}, {});
    assert.deepEqual((await Promise.all(claims)).map(([task]) => task?.id), ids);
  });

  Deno.test(`${name}: a withdrawn claim gets nothing, and the next gets all`, async () => {
    await using world = await World.open(open);
    assert.deepEqual(await world.engine.claim(1, AbortSignal.abort()), []);
    const stop = new AbortController();
    const claim = world.engine.claim(1, stop.signal);
    await world.engine.counts();
    stop.abort();
    assert.deepEqual(await claim, []);
    const id = await world.insertOne();
    assert.deepEqual(await world.claimIds(), [id]);
  });

  Deno.test(`${name}: a task is not due before its time, and then wakes a waiting claim`, async () => {
    await using world = await World.open(open);
    const id = await world.insertOne({ dueAt: world.clock.now() + 90_000 });
    assert.deepEqual(await world.claim(), []);
    const claim = world.engine.claim(1, new AbortController().signal);
    await world.engine.counts();
    await world.clock.advance(89_999);
    assert.equal(await world.stateOf(id), "queued");
    await world.clock.advance(1);
    assert.deepEqual((await claim).map((task) => task.id), [id]);
  });

  Deno.test(`${name}: tasks of a full lane take no places from those of another`, async () => {
    await using world = await World.open(open);
    await world.engine.limitLane(LANE, 1);
    const [first, , other] = await world.insert(
      { priority: 3 },
      { priority: 4 },
      { priority: 9, lane: OTHER },
    );
    assert.deepEqual(await world.claimIds(2), [first, other]);
  });

  Deno.test(`${name}: tasks that wait for their key take no places from others`, async () => {
    await using world = await World.open(open);
    const dueAt = world.clock.now() + 1_000;
    const [first, , , other] = await world.insert(
      { key: "k", priority: 3, dueAt },
      { key: "k", priority: 4, dueAt },
      { key: "k", priority: 4, dueAt },
      { priority: 9 },
    );
    await world.clock.advance(1_000);
    assert.deepEqual(await world.claimIds(2), [first, other]);
  });

  Deno.test(`${name}: priority goes before due time, and due time before acceptance`, async () => {
    await using world = await World.open(open);
    const now = world.clock.now();
    const [late, early, first, other] = await world.insert(
      { dueAt: now - 1 },
      { dueAt: now - 3 },
      { priority: 0 },
      { dueAt: now - 2, lane: OTHER },
    );
    const order: string[] = [];
    for (let i = 0; i < 4; i++) order.push(...await world.claimIds(1));
    assert.deepEqual(order, [first, early, other, late]);
  });

  Deno.test(`${name}: a lane runs no more tasks than its limit, which is 64 by default`, async () => {
    await using world = await World.open(open);
    const tasks = Array.from({ length: 70 }, () => world.aTask());
    await world.engine.insert({ tasks });
    const elsewhere = await world.insertOne({ lane: OTHER });
    const running = await world.claim();
    assert.equal(running.length, 65);
    assert.ok(running.some((task) => task.id === elsewhere));
    await world.settle(running[0]!);
    assert.deepEqual(await world.claimIds(), [tasks[64]!.id]);
    await world.engine.limitLane(LANE, 66);
    assert.equal((await world.claim()).length, 2);
    assert.deepEqual(await world.engine.lanes(10), [
      { lane: LANE, running: 66, limit: 66 },
      { lane: OTHER, running: 1, limit: 64 },
    ]);
    assert.equal((await world.engine.lanes(1)).length, 1);
  });

  Deno.test(`${name}: lowering a limit does not interrupt running tasks`, async () => {
    await using world = await World.open(open);
    await world.insert({}, {}, {});
    const running = await world.claim(2);
    await world.engine.limitLane(LANE, 1);
    await world.settle(running[0]!);
    assert.deepEqual(await world.claim(), []);
    await world.settle(running[1]!);
    assert.equal((await world.claim()).length, 1);
  });

  Deno.test(`${name}: the limits of a host apply to its lanes until they are replaced`, async () => {
    await using world = await World.open(open);
    await world.engine.limitHosts(new Map([["example.org", { concurrency: 2 }]]));
    const elsewhere = await world.insertOne({ lane: OTHER });
    await world.insert({}, {}, {}, {});
    const running = await world.claim();
    assert.equal(running.length, 3);
    assert.ok(running.some(({ id }) => id === elsewhere));
    assert.deepEqual(await world.engine.lane(LANE), { lane: LANE, running: 2, limit: 2 });
    await world.engine.limitHosts(new Map([["example.org", { concurrency: 3 }]]));
    assert.equal((await world.claim()).length, 1);
    await world.engine.limitHosts(new Map());
    assert.equal((await world.claim()).length, 1);
    assert.deepEqual(await world.engine.lane("http://never.example:80"), {
      lane: "http://never.example:80",
      running: 0,
      limit: 64,
    });
  });

  Deno.test(`${name}: a rate limit spreads the claims of a host, and delays no other host`, async () => {
    await using world = await World.open(open);
    const rate = { count: 2, windowMs: 1_000 };
    await world.engine.limitHosts(new Map([["example.org", { rate }]]));
    await world.insert({}, {}, {}, {}, {}, {});
    const elsewhere = await world.insertOne({ lane: OTHER });
    const first = await world.claim();
    assert.equal(first.length, 3);
    assert.ok(first.some(({ id }) => id === elsewhere));
    assert.deepEqual(await world.claim(), []);
    const heldUntil = world.clock.now() + 500;
    const status = { lane: LANE, running: 2, limit: 64, heldUntil, reason: "its rate, 2/1s" };
    assert.deepEqual(await world.engine.lane(LANE), status);
    assert.deepEqual((await world.engine.lanes(1)).map(({ lane }) => lane), [LANE]);
    for (const _ of [1, 2]) {
      await world.clock.advance(499);
      assert.deepEqual(await world.claim(), []);
      await world.clock.advance(1);
      assert.equal((await world.claim()).length, 1);
    }
    await world.clock.advance(5_000);
    assert.equal((await world.claim()).length, 2);
  });

  Deno.test(`${name}: a settlement sets the adaptive concurrency limit of its lane`, async () => {
    await using world = await World.open(open);
    await world.insert({}, {}, {}, {});
    const [one, two] = await world.claim(2);
    await world.settle(one!, { adaptiveLimit: 1 });
    assert.deepEqual(await world.claim(), []);
    await world.settle(two!);
    assert.equal((await world.claim()).length, 1);
    assert.equal((await world.engine.lane(LANE)).limit, 1);
  });

  Deno.test(`${name}: a settlement can hold its lane, and a shorter hold does not end it`, async () => {
    await using world = await World.open(open);
    const now = world.clock.now();
    await world.insert({}, {}, {});
    const [one, two] = await world.claim(2);
    await world.settle(one!, { hold: { until: now + 5_000, reason: "429" } });
    await world.settle(two!, { hold: { until: now + 1_000, reason: "503" } });
    assert.deepEqual(await world.claim(), []);
    assert.deepEqual(await world.engine.lanes(10), [
      { lane: LANE, running: 0, limit: 64, heldUntil: now + 5_000, reason: "429" },
    ]);
    const elsewhere = await world.insertOne({ lane: OTHER });
    assert.deepEqual(await world.claimIds(), [elsewhere]);
    const claim = world.engine.claim(1, new AbortController().signal);
    await world.engine.counts();
    await world.clock.advance(5_000);
    assert.equal((await claim).length, 1);
  });

  Deno.test(`${name}: a settlement stores the attempt, its result and the new state`, async () => {
    await using world = await World.open(open);
    const id = await world.insertOne();
    const task = await world.claimOne();
    await world.clock.advance(10);
    const at = world.clock.now();
    const error = { code: "http_503", detail: "Unavailable" };
    const record = {
      number: 1,
      startedAt: task.startedAt,
      endedAt: at,
      outcome: "deferred",
      error,
    };
    await world.retry(task, 1_000, {
      record: { ...record, outcome: "deferred" },
      carry: { served: ["a"] },
      result: { status: 503 },
    });
    const waiting = await world.find(id);
    assert.equal(waiting.state, "queued");
    assert.equal(waiting.dueAt, at + 1_000);
    assert.deepEqual(waiting.attempts, [record]);
    assert.deepEqual(waiting.error, error);
    assert.deepEqual(waiting.result, { status: 503 });
    await world.clock.advance(1_000);
    const again = await world.claimOne();
    assert.equal(again.attempt, 2);
    assert.deepEqual(again.carry, { served: ["a"] });
    await world.settle(again, { result: { status: 200 } });
    const done = await world.find(id);
    assert.equal(done.state, "succeeded");
    assert.equal(done.delivery, "delivered");
    assert.equal(done.finishedAt, world.clock.now());
    assert.equal(done.dueAt, undefined);
    assert.equal(done.error, undefined);
    assert.deepEqual(done.result, { status: 200 });
    assert.equal(done.attempts.length, 2);
    assert.deepEqual(await world.counts(), { succeeded: 1 });
  });

  Deno.test(`${name}: a settlement of another attempt, or of a task that does not run, is refused`, async () => {
    await using world = await World.open(open);
    await world.insertOne();
    const task = await world.claimOne();
    assert.equal(await world.settle({ ...task, attempt: 2 }), false);
    assert.equal(await world.settle({ ...task, id: world.ids("tsk") }), false);
    assert.equal(await world.settle({ ...task, id: "nonsense" }), false);
    assert.equal(await world.settle(task), true);
    assert.equal(await world.settle(task), false);
  });

  Deno.test(`${name}: a released task has its attempt back and is due again`, async () => {
    await using world = await World.open(open);
    const id = await world.insertOne();
    const task = await world.claimOne();
    await world.settle(task, { event: "release" });
    const { state, attempt, attempts } = await world.find(id);
    assert.deepEqual({ state, attempt, attempts }, { state: "queued", attempt: 0, attempts: [] });
    assert.equal((await world.claimOne()).attempt, 1);
  });

  Deno.test(`${name}: no attempt begins at or after the time a task expires`, async () => {
    await using world = await World.open(open);
    const expiresAt = world.clock.now() + 1_000;
    await world.insert({ expiresAt, key: "k" }, { expiresAt, dueAt: expiresAt });
    const parked = await world.insertOne({ key: "k" });
    await world.engine.limitLane(LANE, 1);
    const changes = world.watch("all");
    await world.clock.advance(1_000);
    assert.deepEqual(await world.claimIds(), [parked]);
    const { tasks } = await world.engine.list({ states: ["expired"] }, 10);
    assert.deepEqual(
      tasks.map(({ reason, delivery, finishedAt }) => ({ reason, delivery, finishedAt })),
      [
        { reason: "expired", delivery: "not_delivered", finishedAt: expiresAt },
        { reason: "expired", delivery: "not_delivered", finishedAt: expiresAt },
      ],
    );
    assert.deepEqual(changes.map(({ state }) => state), ["expired", "expired", "running"]);
  });

  Deno.test(`${name}: a task that is not retained is erased at its end, and cannot be revived`, async () => {
    await using world = await World.open(open);
    const id = await world.insertOne({ retain: "none", label: "GET /" });
    await world.retry(await world.claimOne(), 0, { carry: 1, result: { secret: 1 } });
    assert.ok((await world.find(id)).payload);
    await world.settle(await world.claimOne(), {
      event: "fail",
      reason: "rejected",
      delivery: "not_delivered",
      result: { secret: 2 },
    });
    const { payload, result, label } = await world.find(id);
    assert.deepEqual({ payload, result, label }, {
      payload: undefined,
      result: undefined,
      label: "",
    });
    assert.equal(await world.engine.revive(id), "not_possible");
  });
}
