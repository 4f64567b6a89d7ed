/** Follow-ups: tasks that are made in the transaction that ends a task or a batch. */

import assert from "node:assert/strict";
import { TASK_STATES } from "../../src/task/state.ts";
import type { ClaimedTask, FollowUp, TaskRecord } from "../../src/task/task.ts";
import { type OpenEngine, World } from "./world.ts";

const CHILD = {
  type: "fetch",
  channel: "http",
  lane: "http://after.example.org:80",
  label: "POST http://after.example.org/",
  priority: 5,
  retry: [],
  timeoutMs: 30_000,
  onUnknown: "retry",
} as const;

const chain = (on: FollowUp["on"], text = "{{task.state}} {{task.result.status}}"): FollowUp => ({
  kind: "chain",
  on,
  task: { ...CHILD, payload: JSON.stringify({ text }) },
});
const callback: FollowUp = {
  kind: "callback",
  on: TASK_STATES,
  task: { ...CHILD, payload: JSON.stringify({ url: "http://after.example.org/" }) },
};

/** The follow-ups of a task or batch, oldest first. */
async function childrenOf(world: World, parentId: string): Promise<TaskRecord[]> {
  const { tasks } = await world.engine.list({ parentId }, 100);
  return await Promise.all(tasks.toReversed().map(({ id }) => world.find(id)));
}
const textOf = ({ payload = "" }: TaskRecord): string => JSON.parse(payload).text;
const eventOf = ({ payload = "" }: TaskRecord) => JSON.parse(JSON.parse(payload).body);

/** Registers the tests for an engine. */
export function followUpContract(name: string, open: OpenEngine): void {
  Deno.test(`${name}: the end of a task makes the follow-ups of this end, filled in, and no others`, async () => {
    await using world = await World.open(open);
    const parent = await world.insertOne({
      followUps: [chain(["succeeded"]), chain(["failed"])],
      owner: "ops",
      requestId: "r-1",
    });
    assert.deepEqual(await world.engine.followUps(parent), [
      chain(["succeeded"]),
      chain(["failed"]),
    ]);
    await world.settle(await world.claimOne(), { result: { status: 201 } });
    const [child, ...more] = await childrenOf(world, parent);
    assert.deepEqual(await world.engine.followUps(child?.id ?? ""), []);
    assert.deepEqual(more, []);
    assert.ok(child);
    assert.equal(textOf(child), "succeeded 201");
    assert.equal(child.state, "queued");
    assert.deepEqual({ owner: child.owner, requestId: child.requestId }, {
      owner: "ops",
      requestId: "r-1",
    });
    assert.equal((await world.claimOne()).id, child.id);
    assert.deepEqual(await world.counts(), { running: 1, succeeded: 1 });
  });

  Deno.test(`${name}: follow-ups that were written as text or as bytes are made as others are`, async () => {
    await using world = await World.open(open);
    const text = JSON.stringify([
      chain(["succeeded"], `{{task.state}} ${"\u00e9".repeat(100_000)}`),
    ]);
    for (const followUpsText of [text, new TextEncoder().encode(text)]) {
      const parent = await world.insertOne({ followUpsText });
      await world.settle(await world.claimOne(), { result: {} });
      const [child] = await childrenOf(world, parent);
      assert.ok(textOf(child!) === `succeeded ${"\u00e9".repeat(100_000)}`);
      await world.settle(await world.claimOne(), { result: {} });
    }
  });

  Deno.test(`${name}: no follow-up is made while a task will be tried again`, async () => {
    await using world = await World.open(open);
    const parent = await world.insertOne({ followUps: [chain(["failed"]), callback] });
    await world.retry(await world.claimOne(), 1_000);
    assert.deepEqual(await childrenOf(world, parent), []);
    await world.clock.advance(1_000);
    await world.settle(await world.claimOne(), {
      event: "fail",
      reason: "exhausted",
      delivery: "not_delivered",
    });
    assert.equal((await childrenOf(world, parent)).length, 2);
  });

  Deno.test(`${name}: a callback reports every end, including cancellation and expiry`, async () => {
    await using world = await World.open(open);
    const followUps = [callback, chain(["succeeded", "failed"])];
    const [cancelled, expiring] = await world.insert(
      { followUps, dueAt: world.clock.now() + 60_000 },
      { followUps, dueAt: world.clock.now() + 60_000, expiresAt: world.clock.now() + 1_000 },
    );
    await world.engine.cancel(cancelled!, "request");
    await world.clock.advance(1_000);
    assert.equal(await world.stateOf(expiring!), "expired");
    const types = [];
    for (const id of [cancelled!, expiring!]) {
      const [child, ...more] = await childrenOf(world, id);
      assert.deepEqual(more, []);
      types.push(eventOf(child!).type);
      assert.equal(eventOf(child!).data.id, id);
    }
    assert.deepEqual(types, ["task.cancelled", "task.expired"]);
  });

  Deno.test(`${name}: each end of a revived task is reported, with a greater number`, async () => {
    await using world = await World.open(open);
    const parent = await world.insertOne({ followUps: [callback] });
    await world.settle(await world.claimOne(), {
      event: "fail",
      reason: "rejected",
      delivery: "not_delivered",
    });
    await world.engine.revive(parent);
    for (const task of await world.claim()) if (task.id === parent) await world.settle(task);
    const events = (await childrenOf(world, parent)).map(eventOf);
    assert.deepEqual(events.map(({ type }) => type), ["task.failed", "task.succeeded"]);
    assert.ok(events[1].data.seq > events[0].data.seq);
  });

  Deno.test(`${name}: no follow-up is made by a shutdown, and one that is made by a later end is cancelled`, async () => {
    await using world = await World.open(open);
    const [ends, aborted, waits] = await world.insert(
      { followUps: [callback] },
      { followUps: [callback] },
      { followUps: [callback], dueAt: world.clock.now() + 60_000 },
    );
    const running = await world.claim();
    await world.engine.cancelWaiting();
    const byId = (id: string) => running.find((task) => task.id === id) as ClaimedTask;
    await world.settle(byId(aborted!), { event: "retry", dueAt: world.clock.now() });
    await world.settle(byId(ends!));
    assert.deepEqual(await childrenOf(world, aborted!), []);
    assert.deepEqual(await childrenOf(world, waits!), []);
    const [late] = await childrenOf(world, ends!);
    assert.deepEqual({ state: late?.state, reason: late?.reason }, {
      state: "cancelled",
      reason: "shutdown",
    });
    assert.deepEqual(await world.counts(), { succeeded: 1, cancelled: 3 });
  });

  Deno.test(`${name}: a follow-up can use a result that is erased afterwards`, async () => {
    await using world = await World.open(open);
    const parent = await world.insertOne({ retain: "none", followUps: [chain(["succeeded"])] });
    await world.settle(await world.claimOne(), { result: { status: 204 } });
    const [child] = await childrenOf(world, parent);
    assert.equal(textOf(child!), "succeeded 204");
    const { payload, result } = await world.find(parent);
    assert.deepEqual({ payload, result }, { payload: undefined, result: undefined });
  });

  Deno.test(`${name}: a batch makes its follow-ups once, when all of its tasks have ended`, async () => {
    await using world = await World.open(open);
    const followUps = [
      chain([], "{{batch.counts.succeeded}} of {{batch.total}} answered\n{{batch.list}}"),
      callback,
    ];
    const batch = { id: world.ids("bat"), createdAt: world.clock.now(), owner: "ops", followUps };
    const tasks = [1, 2, 3].map((n) => world.aTask({ batchId: batch.id, label: `GET ${n}` }));
    await world.engine.insert({ tasks, batch });
    const [one, two, three] = await world.claim();
    await world.settle(one!);
    await world.settle(two!, {
      event: "fail",
      reason: "rejected",
      delivery: "not_delivered",
      record: {
        number: 1,
        startedAt: 0,
        endedAt: 0,
        outcome: "rejected",
        error: { code: "http_404", detail: "404" },
      },
    });
    assert.deepEqual(await childrenOf(world, batch.id), []);
    await world.settle(three!);
    const [mail, told] = await childrenOf(world, batch.id);
    assert.equal(
      textOf(mail!),
      "2 of 3 answered\nsucceeded  GET 1\nfailed  GET 2  (http_404)\nsucceeded  GET 3\n",
    );
    assert.equal(mail!.owner, "ops");
    assert.equal(eventOf(told!).type, "batch.completed");
    await world.engine.revive(two!.id);
    for (const task of await world.claim()) await world.settle(task);
    assert.equal((await childrenOf(world, batch.id)).length, 2);
    const record = await world.engine.findBatch(batch.id);
    assert.equal(record && "followUps" in record, false);
  });

  Deno.test(`${name}: the chain of a batch is cancelled with it, its callback is not`, async () => {
    await using world = await World.open(open);
    const followUps = [chain([], "done"), callback];
    const batch = { id: world.ids("bat"), createdAt: world.clock.now(), followUps };
    const tasks = [1, 2].map(() => world.aTask({ batchId: batch.id }));
    await world.engine.insert({ tasks, batch });
    await world.engine.cancelAll({ batchId: batch.id }, "batch");
    const children = await childrenOf(world, batch.id);
    assert.deepEqual(children.map((child) => eventOf(child).type), ["batch.completed"]);
  });

  Deno.test(`${name}: a batch that a shutdown ended makes its follow-ups when it was revived and is done`, async () => {
    await using world = await World.open(open);
    const batch = { id: world.ids("bat"), createdAt: world.clock.now(), followUps: [callback] };
    await world.engine.insert({ tasks: [world.aTask({ batchId: batch.id })], batch });
    await world.engine.cancelWaiting();
    assert.deepEqual(await childrenOf(world, batch.id), []);
  });

  Deno.test(`${name}: no reader sees an end without its follow-ups`, async () => {
    await using world = await World.open(open);
    const parent = await world.insertOne({ followUps: [callback] });
    let seen: Promise<unknown> | undefined;
    world.engine.watch({ task: parent }, ({ state }) => {
      if (state === "succeeded") seen = world.engine.list({ parentId: parent }, 10);
    });
    await world.settle(await world.claimOne());
    assert.equal(((await seen) as { tasks: unknown[] } | undefined)?.tasks.length, 1);
  });
}
