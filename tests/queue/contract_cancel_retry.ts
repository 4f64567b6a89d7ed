/** Cancelling, reviving, running now, shutting down, watching. */

import assert from "node:assert/strict";
import { EngineError } from "../../src/queue/engine.ts";
import { type OpenEngine, World } from "./world.ts";

/** Registers the tests for an engine. */
export function cancelRetryContract(name: string, open: OpenEngine): void {
  Deno.test(`${name}: a waiting task is cancelled at once, a final one too late`, async () => {
    await using world = await World.open(open);
    const id = await world.insertOne();
    assert.equal(await world.engine.cancel(id, "request"), "cancelled");
    const { state, reason, delivery, finishedAt } = await world.find(id);
    assert.deepEqual({ state, reason, delivery, finishedAt }, {
      state: "cancelled",
      reason: "request",
      delivery: "not_delivered",
      finishedAt: world.clock.now(),
    });
    assert.equal(await world.engine.cancel(id, "request"), "too_late");
    assert.equal(await world.engine.cancel(world.ids("tsk"), "request"), "not_found");
    assert.equal(await world.engine.cancel("nonsense", "request"), "not_found");
    assert.deepEqual(await world.claim(), []);
  });

  Deno.test(`${name}: a change of many tasks reports how far it is`, async () => {
    await using world = await World.open(open);
    await world.insert(...Array.from({ length: 1_200 }, () => ({ tags: ["many"] })), {});
    const parts: number[] = [];
    const onPart = (changed: number) => parts.push(changed);
    const result = await world.engine.cancelAll({ tag: "many" }, "request", "me", onPart);
    assert.deepEqual(result, { cancelled: 1_200, aborting: 0 });
    assert.equal(parts.at(-1), 1_200);
    assert.deepEqual(parts, parts.toSorted((a, b) => a - b));
    parts.length = 0;
    await world.engine.reviveAll({ finishedSince: world.clock.now() }, undefined, onPart);
    assert.equal(parts.at(-1), 1_200);
  });

  Deno.test(`${name}: a running task that is cancelled is aborting, and is reported once`, async () => {
    await using world = await World.open(open);
    const aborts = world.watch("running");
    const id = await world.insertOne();
    const task = await world.claimOne();
    assert.equal(await world.engine.cancel(id, "batch"), "aborting");
    assert.equal(await world.engine.cancel(id, "request"), "aborting");
    assert.equal((await world.find(id)).aborting, true);
    assert.deepEqual(aborts.map(({ id, state, abort }) => ({ id, state, abort })), [
      { id, state: "running", abort: "batch" },
    ]);
    await world.settle(task, { event: "cancel", reason: "batch", delivery: "unknown" });
    const { state, delivery, aborting } = await world.find(id);
    assert.deepEqual({ state, delivery, aborting }, {
      state: "cancelled",
      delivery: "unknown",
      aborting: undefined,
    });
  });

  Deno.test(`${name}: a task cancelled while it ran does not go back to the queue`, async () => {
    await using world = await World.open(open);
    const ids = await world.insert({}, {}, {});
    const [one, two, three] = await world.claim();
    for (const id of ids) await world.engine.cancel(id, "request");
    await world.retry(one!, 1_000);
    await world.settle(two!, { event: "release" });
    await world.retry(three!, 1_000, { possibleDuplicate: true });
    const found = await Promise.all(ids.map((id) => world.find(id)));
    assert.deepEqual(found.map(({ state, reason, delivery }) => `${state} ${reason} ${delivery}`), [
      "cancelled request not_delivered",
      "cancelled request not_delivered",
      "cancelled request unknown",
    ]);
  });

  Deno.test(`${name}: all that match are cancelled, and all that match are revived`, async () => {
    await using world = await World.open(open);
    const tasks = Array.from(
      { length: 1_200 },
      (_, i) => world.aTask({ tags: i % 2 ? ["odd"] : [], key: i < 10 ? "k" : `k${i}` }),
    );
    await world.engine.insert({ tasks });
    const running = await world.claim(2);
    assert.equal(running.length, 2);
    assert.deepEqual(await world.engine.cancelAll({ tag: "odd" }, "request"), {
      cancelled: 600,
      aborting: 0,
    });
    assert.deepEqual(await world.engine.cancelAll({}, "request"), { cancelled: 598, aborting: 2 });
    assert.deepEqual(await world.engine.cancelAll({ states: ["failed"] }, "request"), {
      cancelled: 0,
      aborting: 0,
    });
    assert.deepEqual(await world.counts(), { running: 2, cancelled: 1_198 });
    assert.deepEqual(await world.engine.reviveAll({ tag: "odd", reason: "request" }), {
      retried: 600,
      expired: 0,
      full: 0,
    });
    assert.deepEqual(await world.engine.reviveAll({ states: ["succeeded"] }), {
      retried: 0,
      expired: 0,
      full: 0,
    });
    assert.deepEqual(await world.counts(), { queued: 600, running: 2, cancelled: 598 });
  });

  Deno.test(`${name}: a revived task that was never tried keeps its own time`, async () => {
    await using world = await World.open(open);
    const dueAt = world.clock.now() + 60_000;
    const id = await world.insertOne({ dueAt });
    assert.equal(await world.engine.cancel(id, "request"), "cancelled");
    assert.equal(await world.engine.revive(id), "changed");
    assert.equal((await world.find(id)).dueAt, dueAt);
    await world.engine.cancel(id, "request");
    await world.clock.advance(60_001);
    await world.engine.revive(id);
    assert.equal((await world.find(id)).dueAt, world.clock.now());
  });

  Deno.test(`${name}: a revived task is due now, counts attempts anew and lists the old ones`, async () => {
    await using world = await World.open(open);
    const id = await world.insertOne({ expiresAt: world.clock.now() + 1_000 });
    assert.equal(await world.engine.revive(id), "not_possible");
    const task = await world.claimOne();
    assert.equal(await world.engine.revive(id), "not_possible");
    await world.settle(task, { event: "fail", reason: "unknown", delivery: "unknown" });
    await world.clock.advance(2_000);
    assert.equal(await world.engine.revive(id), "changed");
    const { state, reason, delivery, finishedAt, attempt, dueAt, expiresAt } = await world.find(id);
    assert.deepEqual(
      { state, reason, delivery, finishedAt, attempt, dueAt, expiresAt },
      {
        state: "queued",
        reason: undefined,
        delivery: undefined,
        finishedAt: undefined,
        attempt: 0,
        dueAt: world.clock.now(),
        expiresAt: undefined,
      },
    );
    const again = await world.claimOne();
    assert.equal(again.attempt, 1);
    assert.equal(again.possibleDuplicate, true);
    await world.settle(again);
    assert.deepEqual((await world.find(id)).attempts.map((one) => one.number), [1, 1]);
    assert.equal(await world.engine.revive(id), "not_possible");
    assert.equal(await world.engine.revive(world.ids("tsk")), "not_found");
  });

  Deno.test(`${name}: a waiting task can be run now`, async () => {
    await using world = await World.open(open);
    const id = await world.insertOne({ dueAt: world.clock.now() + 3_600_000 });
    assert.equal(await world.engine.runNow(id), "changed");
    assert.equal((await world.find(id)).dueAt, world.clock.now());
    assert.deepEqual(await world.claimIds(), [id]);
    assert.equal(await world.engine.runNow(id), "not_possible");
    assert.equal(await world.engine.runNow(world.ids("tsk")), "not_found");
  });

  Deno.test(`${name}: a shutdown cancels all queued tasks, lets running ones be settled, and accepts no more`, async () => {
    await using world = await World.open(open);
    const batch = { id: world.ids("bat"), createdAt: world.clock.now() };
    const tasks = [1, 2, 3].map(() => world.aTask({ batchId: batch.id }));
    await world.engine.insert({ tasks, batch });
    const [done, releasing] = await world.claim(2);
    const waiting = tasks[2]!.id;
    const changes = world.watch({ task: waiting });
    assert.equal(await world.engine.cancelWaiting(), 1);
    assert.deepEqual(await world.counts(), { running: 2, cancelled: 1 });
    assert.deepEqual(changes.map(({ state }) => state), ["cancelled"]);
    const { state, reason, delivery, finishedAt } = await world.find(waiting);
    assert.deepEqual({ state, reason, delivery, finishedAt }, {
      state: "cancelled",
      reason: "shutdown",
      delivery: "not_delivered",
      finishedAt: world.clock.now(),
    });
    await world.settle(done!);
    await world.settle(releasing!, { event: "release" });
    assert.equal((await world.find(releasing!.id)).reason, "shutdown");
    assert.deepEqual(await world.counts(), { succeeded: 1, cancelled: 2 });
    assert.deepEqual(
      (await world.engine.list({ reason: "shutdown", states: ["cancelled"] }, 10)).tasks.length,
      2,
    );
    assert.deepEqual((await world.engine.list({ states: ["queued"] }, 10)).tasks, []);
    const found = await world.engine.findBatch(batch.id);
    assert.deepEqual({
      cancelled: found?.counts.cancelled,
      queued: found?.counts.queued,
      done: found?.done,
    }, { cancelled: 2, queued: 0, done: true });
    assert.deepEqual((await world.engine.batchTasks(batch.id)).map(({ state }) => state), [
      "succeeded",
      "cancelled",
      "cancelled",
    ]);
    assert.equal(await world.engine.cancel(waiting, "request"), "too_late");
    assert.equal(await world.engine.runNow(waiting), "not_possible");
    await assert.rejects(world.engine.insert({ tasks: [world.aTask()] }), EngineError);
    assert.deepEqual(await world.claim(), []);
  });

  Deno.test(`${name}: watchers are notified of what they watch, in order, until they stop`, async () => {
    await using world = await World.open(open);
    const task = world.aTask();
    const all = world.watch("all");
    const heard: string[] = [];
    const leave = world.engine.watch({ task: task.id }, (change) => heard.push(change.state));
    await world.engine.insert({ tasks: [task] });
    await world.insertOne({ dueAt: world.clock.now() + 1 });
    await world.settle(await world.claimOne());
    assert.deepEqual(heard, ["queued", "running", "succeeded"]);
    assert.deepEqual(all.map(({ state }) => state), ["queued", "queued", "running", "succeeded"]);
    const numbers = all.map(({ change }) => change);
    assert.deepEqual(numbers, [...numbers].sort((a, b) => a - b));
    assert.equal((await world.find(task.id)).change, numbers.at(-1));
    leave();
    leave();
    await world.insertOne();
    assert.equal(heard.length, 3);
    assert.equal(all.length, 5);
  });

  Deno.test(`${name}: a watcher that is added before a read misses nothing after it`, async () => {
    await using world = await World.open(open);
    const id = await world.insertOne();
    const changes = world.watch({ task: id });
    const [found] = await Promise.all([world.find(id), world.engine.cancel(id, "request")]);
    await world.engine.counts();
    assert.equal(found.state === "cancelled" || changes.length === 1, true);
  });
}
