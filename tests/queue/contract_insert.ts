/** Inserting: submissions, batches, idempotency, counts. */

import assert from "node:assert/strict";
import { base64Bytes } from "../../src/lib/base64.ts";
import { textOfJson } from "../../src/lib/json/held_text.ts";
import { EngineError } from "../../src/queue/engine.ts";
import type { NewTask } from "../../src/task/task.ts";
import { type OpenEngine, World } from "./world.ts";

const LETTERS = "x".repeat(2_000);

/** Registers the tests for an engine. */
export function insertContract(name: string, open: OpenEngine): void {
  Deno.test(`${name}: a stored task is found with all of its fields`, async () => {
    await using world = await World.open(open);
    const task = world.aTask({
      expiresAt: world.clock.now() + 60_000,
      key: "k",
      tags: ["a", "b"],
      parentId: world.ids("tsk"),
      owner: "ops",
      requestId: "r-1",
      traceparent: "00-1-2-01",
      label: "GET ünïcode 🚚",
      payload: JSON.stringify({ text: "\u0000 ünïcode 🚚 \ud800" }),
    });
    await world.engine.insert({ tasks: [task] });
    assert.deepEqual(await world.engine.find(task.id), {
      ...task,
      state: "queued",
      attempt: 0,
      attempts: [],
      change: 1,
    });
    assert.ok(world.engine.lastSequence > 0);
  });

  Deno.test(`${name}: a payload of bytes is claimed whole by each attempt, and shown by its size`, async () => {
    await using world = await World.open(open);
    const content = "QUJD".repeat(500_000);
    const text = JSON.stringify({ attachments: [{ filename: "ü", content }] });
    // The engine may take over the memory.
    const payload = new TextEncoder().encode(text);
    const id = await world.insertOne({ payload });
    for (const nth of ["first", "second"]) {
      const [task] = await world.claim();
      assert.ok(task && textOfJson(task.payload) === text, `the ${nth} attempt`);
      const { attempt } = task;
      await world.engine.settle({ id, attempt, event: "release", at: 0, dueAt: 0 });
      if (typeof task.payload !== "string") task.payload.buffer.transfer(0);
    }
    const shown = JSON.parse((await world.engine.find(id))?.payload ?? "{}");
    assert.equal(base64Bytes(shown.attachments[0].content), 1_500_000);
  });

  Deno.test(`${name}: a large submission is stored once, in its order, or not at all`, async () => {
    await using world = await World.open(open, 3_000);
    const known = await world.insertOne();
    const many = (last: Partial<NewTask> = {}) => [
      ...Array.from({ length: 2_000 }, () => world.aTask({ payload: `{"text":"${LETTERS}"}` })),
      world.aTask(last),
    ];
    await assert.rejects(world.engine.insert({ tasks: many({ id: known }) }), EngineError);
    assert.deepEqual(await world.counts(), { queued: 1 });
    const idempotency = { scope: "s", key: "k", fingerprint: "f", expiresAt: 2e12 };
    const batch = { id: world.ids("bat"), createdAt: world.clock.now() };
    const tasks = many().map((task) => ({ ...task, batchId: batch.id }));
    const [first, second] = await Promise.all([
      world.engine.insert({ tasks, batch, idempotency }),
      world.engine.insert({ tasks: many(), idempotency }),
    ]);
    assert.deepEqual(first, { kind: "stored" });
    assert.deepEqual(second, { kind: "replayed", id: batch.id });
    assert.deepEqual(await world.engine.insert({ tasks: many() }), {
      kind: "refused",
      code: "queue_full",
    });
    assert.deepEqual(await world.counts(), { queued: 2_002 });
    const stored = await world.engine.batchTasks(batch.id);
    assert.deepEqual(stored.map(({ id }) => id), tasks.map(({ id }) => id));
    const { id, payload } = tasks.at(-2)!;
    assert.equal((await world.find(id)).payload, payload);
  });

  Deno.test(`${name}: a submission with one task that cannot be stored stores none`, async () => {
    await using world = await World.open(open);
    const known = await world.insertOne();
    const twice = { tasks: [world.aTask(), world.aTask({ id: known })] };
    const other = world.aTask();
    const [refused, stored] = await Promise.allSettled([
      world.engine.insert(twice),
      world.engine.insert({ tasks: [other] }),
    ]);
    assert.ok(refused.status === "rejected" && refused.reason instanceof EngineError);
    assert.deepEqual(stored, { status: "fulfilled", value: { kind: "stored" } });
    assert.deepEqual(await world.counts(), { queued: 2 });
  });

  Deno.test(`${name}: more tasks than may be queued are refused together`, async () => {
    await using world = await World.open(open, 2);
    await world.insertOne();
    const two = { tasks: [world.aTask(), world.aTask()] };
    assert.deepEqual(await world.engine.insert(two), { kind: "refused", code: "queue_full" });
    assert.deepEqual(await world.counts(), { queued: 1 });
    await world.claimOne();
    assert.deepEqual(await world.engine.insert(two), { kind: "stored" });
  });

  Deno.test(`${name}: a key used again answers with the first id, or a conflict, until it expires`, async () => {
    await using world = await World.open(open);
    const submit = (fingerprint: string, scope = "ops /fetch") => {
      const task = world.aTask();
      const expiresAt = world.clock.now() + 1_000;
      const idempotency = { scope, key: "k", fingerprint, expiresAt };
      return { id: task.id, answer: world.engine.insert({ tasks: [task], idempotency }) };
    };
    // Concurrently: they may share a transaction.
    const [first, same, other, elsewhere] = [
      submit("a"),
      submit("a"),
      submit("b"),
      submit("a", "ops /notify"),
    ];
    assert.deepEqual(await first.answer, { kind: "stored" });
    assert.deepEqual(await same.answer, { kind: "replayed", id: first.id });
    assert.deepEqual(await other.answer, { kind: "conflict" });
    assert.deepEqual(await elsewhere.answer, { kind: "stored" });
    assert.deepEqual(await world.counts(), { queued: 2 });
    await world.clock.advance(1_000);
    assert.deepEqual(await submit("b").answer, { kind: "stored" });
  });

  Deno.test(`${name}: a batch counts its tasks by state and says when it is done`, async () => {
    await using world = await World.open(open);
    const batch = { id: world.ids("bat"), createdAt: world.clock.now(), owner: "ops" };
    const tasks = [1, 2, 3].map(() => world.aTask({ batchId: batch.id }));
    const changes = world.watch({ batch: batch.id });
    await world.engine.insert({ tasks, batch });
    const [one, two, three] = await world.claim();
    await world.settle(one!);
    await world.settle(two!, { event: "fail", reason: "rejected", delivery: "not_delivered" });
    const { counts, done, ...rest } = (await world.engine.findBatch(batch.id))!;
    assert.deepEqual(rest, { ...batch, total: 3, bytes: 0 });
    assert.deepEqual(
      [counts.succeeded, counts.failed, counts.running, counts.queued, done],
      [1, 1, 1, 0, false],
    );
    await world.settle(three!);
    assert.equal((await world.engine.findBatch(batch.id))?.done, true);
    const listed = await world.engine.batchTasks(batch.id);
    assert.deepEqual(listed.map(({ id, state }) => ({ id, state })), [
      { id: tasks[0]!.id, state: "succeeded" },
      { id: tasks[1]!.id, state: "failed" },
      { id: tasks[2]!.id, state: "succeeded" },
    ]);
    for (const { id, change } of listed) {
      assert.equal(change, changes.findLast((known) => known.id === id)?.change);
    }
    assert.deepEqual(
      changes.filter((change) => change.batchDone).map((change) => change.id),
      [three!.id],
    );
    assert.equal(await world.engine.findBatch(world.ids("bat")), undefined);
    assert.equal(await world.engine.findBatch("nonsense"), undefined);
  });

  Deno.test(`${name}: tasks that became final long ago are deleted, the others stay`, async () => {
    await using world = await World.open(open);
    const batch = { id: world.ids("bat"), createdAt: world.clock.now() };
    const tasks = [1, 2].map(() => world.aTask({ batchId: batch.id, tags: ["t"] }));
    await world.engine.insert({ tasks, batch });
    for (const task of await world.claim()) await world.settle(task);
    await world.clock.advance(1_000);
    const later = await world.insertOne();
    await world.settle(await world.claimOne());
    const before = world.clock.now();
    assert.deepEqual(await world.engine.purge(before, 1), { deleted: 1, isOver: false });
    assert.equal((await world.engine.findBatch(batch.id))?.counts.succeeded, 1);
    assert.deepEqual(await world.engine.purge(before, 10), { deleted: 1, isOver: true });
    assert.equal(await world.engine.findBatch(batch.id), undefined);
    assert.equal(await world.engine.find(tasks[0]!.id), undefined);
    assert.deepEqual(await world.engine.list({ tag: "t" }, 10), { tasks: [] });
    assert.equal(await world.stateOf(later), "succeeded");
    assert.deepEqual(await world.counts(), { succeeded: 1 });
  });

  Deno.test(`${name}: a task that ended long after its neighbours is deleted in its turn`, async () => {
    await using world = await World.open(open);
    const [waiting] = await world.insert({ dueAt: world.clock.now() + 60_000 }, {}, {}, {});
    for (const task of await world.claim()) await world.settle(task);
    await world.clock.advance(1);
    const purge = async () => (await world.engine.purge(world.clock.now(), 1)).deleted;
    assert.deepEqual([await purge(), await purge(), await purge(), await purge()], [1, 1, 1, 0]);
    assert.equal(await world.stateOf(waiting!), "queued");
    await world.clock.advance(60_000);
    await world.settle(await world.claimOne());
    assert.equal(await purge(), 0);
    await world.clock.advance(1);
    assert.equal(await purge(), 1);
    assert.deepEqual(await world.counts(), {});
  });

  Deno.test(`${name}: everything that has ended is deleted before a purge is over, however many tasks wait before it`, async () => {
    await using world = await World.open(open);
    await world.engine.insert({ tasks: Array.from({ length: 20_001 }, () => world.aTask()) });
    const ended = await world.insertOne({ priority: 0 });
    await world.settle((await world.claim(1))[0]!);
    // That many ids in one millisecond get times ahead of it.
    await world.clock.advance(1_000);
    assert.equal(await world.stateOf(ended), "succeeded");
    for (let isOver = false; !isOver;) {
      ({ isOver } = await world.engine.purge(world.clock.now(), 10));
    }
    assert.deepEqual(await world.counts(), { queued: 20_001 });
  });

  Deno.test(`${name}: a closed engine resolves waiting claims with none and rejects other calls`, async () => {
    const world = await World.open(open);
    const claim = world.engine.claim(1, new AbortController().signal);
    await world.engine.counts();
    const counts = world.engine.counts();
    await world[Symbol.asyncDispose]();
    assert.deepEqual(await claim, []);
    assert.equal((await counts.catch(() => ({ queued: 0 }))).queued, 0);
    await assert.rejects(world.engine.counts(), EngineError);
    await world[Symbol.asyncDispose]();
    assert.equal(world.clock.waiting, 0);
  });
}
