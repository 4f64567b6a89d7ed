/** Pauses, holds, and queued tasks by what they wait for. */

import assert from "node:assert/strict";
import type { Pause, PauseTarget, QueuedKind } from "../../src/queue/engine.ts";
import type { NewTask } from "../../src/task/task.ts";
import { LANE, type OpenEngine, World } from "./world.ts";

function aPause(world: World, fields: PauseTarget & Partial<Pause>): Pause {
  return { id: world.ids("pau"), by: "ops", createdAt: world.clock.now(), ...fields };
}

async function kinds(world: World): Promise<Record<string, number>> {
  const { oldestDueAt: _, ...counts } = await world.engine.queued();
  return Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0));
}

const TARGETS: readonly {
  target: PauseTarget;
  paused: Partial<NewTask>;
  free: Partial<NewTask>;
}[] = [
  {
    target: { host: "a.example.org" },
    paused: { lane: "https://a.example.org:8443" },
    free: { lane: "https://b.example.org:443" },
  },
  {
    target: { host: "localhost:587" },
    paused: { lane: "mail:localhost:587" },
    free: { lane: "mail:localhost:25" },
  },
  { target: { key: "k" }, paused: { key: "k", owner: "bob" }, free: { key: "l", owner: "bob" } },
  {
    target: { key: "k", owner: "bob" },
    paused: { key: "k", owner: "bob" },
    free: { key: "k", owner: "eve" },
  },
  { target: { type: "notify" }, paused: { type: "notify" }, free: { type: "fetch" } },
  { target: { channel: "slack" }, paused: { channel: "slack" }, free: { channel: "http" } },
];

/** Registers the tests for an engine. */
export function pauseContract(name: string, open: OpenEngine): void {
  for (const { target, paused, free } of TARGETS) {
    Deno.test(`${name}: a pause of ${JSON.stringify(target)} stops what it covers, and nothing else`, async () => {
      await using world = await World.open(open);
      const [before, other] = await world.insert(paused, free);
      const pause = aPause(world, target);
      await world.engine.pause(pause);
      const [after] = await world.insert(paused);
      assert.deepEqual(await kinds(world), { paused: 2, due: 1 });
      assert.equal((await world.find(before!)).behind, "pause");
      assert.deepEqual(await world.claimIds(), [other]);
      assert.deepEqual(await world.engine.pauses(), [pause]);
      assert.equal(await world.engine.resume(pause.id), true);
      assert.equal(await world.engine.resume(pause.id), false);
      assert.deepEqual(await kinds(world), { due: 2 });
      const claimed = await world.claim();
      // Of a key only the first may run.
      const expected = paused.key === undefined ? [before, after] : [before];
      assert.deepEqual(claimed.map(({ id }) => id), expected);
      assert.deepEqual(await world.engine.pauses(), []);
    });
  }

  Deno.test(`${name}: a pause of everything stops everything, and running tasks end`, async () => {
    await using world = await World.open(open);
    await world.insert({}, { dueAt: world.clock.now() + 1_000 });
    const running = await world.claimOne();
    const pause = aPause(world, { all: true, reason: "maintenance" });
    await world.engine.pause(pause);
    await world.insert({});
    assert.equal(await world.settle(running), true);
    await world.clock.advance(1_000);
    assert.deepEqual(await world.claimIds(), []);
    assert.deepEqual(await kinds(world), { paused: 2 });
    await world.engine.resume(pause.id);
    assert.equal((await world.claim()).length, 2);
  });

  Deno.test(`${name}: a follow-up and a retry of a paused host wait, and others of a batch run instead`, async () => {
    await using world = await World.open(open);
    const followed = await world.insertOne({
      followUps: [{
        kind: "chain",
        on: ["succeeded"],
        task: { ...world.aTask(), lane: "http://paused.example.org:80" },
      }],
    });
    const running = await world.claim();
    const retried = await world.insertOne({ lane: "http://paused.example.org:80" });
    const [tried] = await world.claim();
    await world.engine.pause(aPause(world, { host: "paused.example.org" }));
    await world.retry(tried!, 0);
    await world.settle(running[0]!);
    assert.deepEqual(await world.claimIds(), []);
    assert.deepEqual(await kinds(world), { paused: 2 });
    assert.equal((await world.find(retried)).behind, "pause");
    assert.equal((await world.engine.list({ parentId: followed }, 9)).tasks[0]?.behind, "pause");
    const batch = { id: world.ids("bat"), createdAt: world.clock.now(), concurrency: 1 };
    const tasks = [1, 2, 3].map((n) =>
      world.aTask({ batchId: batch.id, lane: `http://${n === 1 ? "paused.example.org" : n}:80` })
    );
    await world.engine.insert({ tasks, batch });
    assert.deepEqual(await world.claimIds(), [tasks[1]!.id]);
  });

  Deno.test(`${name}: a pause ends at its time`, async () => {
    await using world = await World.open(open);
    const id = await world.insertOne();
    const until = world.clock.now() + 60_000;
    await world.engine.pause(aPause(world, { type: "fetch", until }));
    assert.deepEqual(await world.claimIds(), []);
    const claimed = world.engine.claim(1, new AbortController().signal);
    await world.clock.advance(60_000);
    assert.deepEqual((await claimed).map((task) => task.id), [id]);
    assert.deepEqual(await world.engine.pauses(), []);
  });

  Deno.test(`${name}: a task under two pauses waits for both`, async () => {
    await using world = await World.open(open);
    await world.insertOne();
    const [host, type] = [aPause(world, { host: "example.org" }), aPause(world, { type: "fetch" })];
    await world.engine.pause(host);
    await world.engine.pause(type);
    await world.engine.resume(host.id);
    assert.deepEqual(await world.claimIds(), []);
    await world.engine.resume(type.id);
    await world.claimOne();
  });

  Deno.test(`${name}: cancelling, reviving and running paused tasks keeps the counts right`, async () => {
    await using world = await World.open(open);
    const later = world.clock.now() + 60_000;
    const [a, b, c] = await world.insert({ dueAt: later }, { dueAt: later }, {});
    assert.deepEqual(await kinds(world), { scheduled: 2, due: 1 });
    await world.engine.pause(aPause(world, { host: "example.org" }));
    assert.deepEqual(await kinds(world), { paused: 3 });
    await world.engine.cancel(a!, "request");
    assert.deepEqual(await kinds(world), { paused: 2 });
    await world.engine.revive(a!);
    await world.engine.runNow(b!);
    assert.deepEqual(await kinds(world), { paused: 3 });
    for (const pause of await world.engine.pauses()) await world.engine.resume(pause.id);
    assert.deepEqual(await kinds(world), { scheduled: 1, due: 2 });
    assert.deepEqual((await world.claimIds()).sort(), [b!, c!].sort());
  });

  Deno.test(`${name}: a task that waited for its time counts as retrying after its first attempt`, async () => {
    await using world = await World.open(open);
    await world.insert({ dueAt: world.clock.now() + 1_000 });
    await world.clock.advance(1_000);
    const claimed = await world.claim();
    await world.retry(claimed[0]!, 1_500);
    assert.deepEqual(await kinds(world), { retrying: 1 });
  });

  Deno.test(`${name}: queued tasks are found by what they wait for`, async () => {
    await using world = await World.open(open);
    const now = world.clock.now();
    const [tried] = await world.insert({});
    const claimed = await world.claim();
    await world.retry(claimed[0]!, 1_500);
    const [later, behind, held, first, second] = await world.insert(
      { dueAt: now + 2_000 },
      { dueAt: now + 3_000, key: "k" },
      { lane: "https://paused.example.org:443" },
      { key: "k" },
      { key: "k" },
    );
    const pause = aPause(world, { host: "paused.example.org" });
    await world.engine.pause(pause);
    const found = async (kind: QueuedKind) => {
      const filter = { queued: { kind, at: world.clock.now() } };
      const ids = (await world.engine.list(filter, 10)).tasks.map(({ id }) => id);
      assert.deepEqual(await world.engine.count(filter), { count: ids.length });
      assert.equal((await world.engine.queued())[kind], ids.length, kind);
      return ids;
    };
    const upcoming = async (kind: QueuedKind) =>
      (await world.engine.upcoming({ queued: { kind, at: now } }, 10)).tasks.map(({ id }) => id);

    assert.deepEqual(await found("due"), [second, first]);
    assert.deepEqual(await found("scheduled"), [behind, later]);
    assert.deepEqual(await found("retrying"), [tried]);
    assert.deepEqual(await found("paused"), [held]);
    assert.deepEqual(await upcoming("scheduled"), [later, behind]);
    assert.deepEqual(await upcoming("retrying"), [tried]);

    await world.clock.advance(1_500);
    assert.deepEqual(await found("due"), [second, first, tried]);
    assert.deepEqual(await found("retrying"), []);
    await world.engine.resume(pause.id);
    assert.deepEqual(await found("paused"), []);
    await world.engine.pause(aPause(world, { all: true }));
    assert.equal((await found("paused")).length, 6);
    assert.deepEqual(await found("due"), []);
  });

  Deno.test(`${name}: queued tasks are counted by what they wait for as time passes`, async () => {
    await using world = await World.open(open);
    const now = world.clock.now();
    await world.insert({}, { dueAt: now + 1_000 }, { dueAt: now + 2_000 }, { key: "k" }, {
      key: "k",
    });
    assert.deepEqual(await kinds(world), { due: 3, scheduled: 2 });
    assert.equal((await world.engine.queued()).oldestDueAt, now);
    const claimed = await world.claim();
    await world.retry(claimed[0]!, 1_500);
    assert.deepEqual(await kinds(world), { due: 1, scheduled: 2, retrying: 1 });
    await world.clock.advance(1_000);
    assert.deepEqual(await kinds(world), { due: 2, scheduled: 1, retrying: 1 });
    await world.clock.advance(500);
    assert.deepEqual(await kinds(world), { due: 3, scheduled: 1 });
    // It waits behind the task that holds its key.
    assert.equal((await world.engine.queued()).oldestDueAt, now);
    const page = await world.engine.list({ states: ["queued"] }, 9);
    await world.engine.runNow(page.tasks.find(({ dueAt }) => dueAt === now + 2_000)!.id);
    assert.deepEqual(await kinds(world), { due: 4 });
    await world.engine.cancelWaiting();
    assert.deepEqual(await world.engine.queued(), { due: 0, scheduled: 0, retrying: 0, paused: 0 });
  });

  Deno.test(`${name}: the oldest due task is not one that is paused or has been claimed`, async () => {
    await using world = await World.open(open);
    await world.insert({ lane: "http://a.example.org:80" });
    await world.clock.advance(1_000);
    const later = world.clock.now();
    await world.insert({ lane: "http://b.example.org:80" });
    await world.engine.pause(aPause(world, { host: "a.example.org" }));
    assert.equal((await world.engine.queued()).oldestDueAt, later);
    await world.claimOne();
    assert.equal((await world.engine.queued()).oldestDueAt, undefined);
  });

  Deno.test(`${name}: a hold is ended by hand`, async () => {
    await using world = await World.open(open);
    await world.insert({ retry: [0, 0] }, {});
    const [first, second] = await world.claim(1).then(async (
      [one],
    ) => [one, await world.claimOne()]);
    const until = world.clock.now() + 3_600_000;
    await world.retry(first!, 0, { hold: { until, reason: "429 with Retry-After: 3600" } });
    await world.settle(second!);
    assert.deepEqual(await world.claimIds(), []);
    assert.deepEqual(await world.engine.releaseHolds("other.example.org"), []);
    assert.deepEqual(await world.engine.releaseHolds("example.org"), [LANE]);
    await world.claimOne();
    assert.equal((await world.engine.lane(LANE)).heldUntil, undefined);
  });

  Deno.test(`${name}: tasks of a lane that is not used any more move, and its hold ends`, async () => {
    await using world = await World.open(open);
    const [first] = await world.insert({ lane: "mail:a.test:25", retry: [0, 0] });
    const until = world.clock.now() + 900_000;
    await world.retry(await world.claimOne(), 0, { hold: { until, reason: "554" } });
    const [second, other] = await world.insert({ lane: "mail:a.test:25" }, { lane: "http://x:80" });
    const { engine } = world;
    assert.equal(await engine.moveLanes(["mail:"], ["mail:a.test:25"], "mail:a.test:25"), 0);
    assert.deepEqual(await world.claimIds(), [other]);
    assert.equal(await engine.moveLanes(["mail:"], ["mail:b.test:25"], "mail:b.test:25"), 2);
    assert.equal((await engine.lane("mail:a.test:25")).heldUntil, undefined);
    const claimed = await world.claim();
    assert.deepEqual(claimed.map(({ id, lane }) => ({ id, lane })), [
      { id: first, lane: "mail:b.test:25" },
      { id: second, lane: "mail:b.test:25" },
    ]);
    for (const task of claimed) await world.settle(task);
    assert.deepEqual((await engine.lanes(9)).map(({ lane }) => lane), ["http://x:80"]);
  });

  Deno.test(`${name}: the limits of a host with a port apply to a relay, and can be replaced`, async () => {
    await using world = await World.open(open);
    await world.engine.limitHosts(new Map([["localhost:587", { concurrency: 1 }]]));
    await world.insert(...[1, 2, 3].map(() => ({ lane: "mail:localhost:587" })));
    assert.equal((await world.claim()).length, 1);
    await world.engine.limitHosts(new Map([["localhost:587", { concurrency: 2 }]]));
    assert.equal((await world.claim()).length, 1);
    await world.engine.limitHosts(new Map());
    assert.equal((await world.claim()).length, 1);
  });
}
