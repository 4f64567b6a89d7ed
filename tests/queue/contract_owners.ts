/** Quotas, sources, who cancelled a task, erasing, and expiry at a retry of all. */

import assert from "node:assert/strict";
import { type OpenEngine, World } from "./world.ts";

/** Registers the tests for an engine. */
export function ownerContract(name: string, open: OpenEngine): void {
  Deno.test(`${name}: a quota limits the queued tasks of one owner`, async () => {
    await using world = await World.open(open);
    const submit = (owner: string, count = 1) =>
      world.engine.insert({
        tasks: Array.from({ length: count }, () => world.aTask({ owner })),
        quota: { owner, maxQueued: 3 },
      });
    const full = { kind: "refused", code: "queue_full", quota: 3 };
    assert.deepEqual(await submit("alice", 2), { kind: "stored" });
    assert.deepEqual(await submit("alice", 2), full);
    assert.deepEqual(await submit("alice"), { kind: "stored" });
    assert.deepEqual(await submit("alice"), full);
    assert.deepEqual(await submit("bob", 3), { kind: "stored" });
    const [claimed] = await world.claim(1);
    assert.deepEqual(await submit("alice"), { kind: "stored" });
    await world.retry(claimed!, 1_000);
    assert.deepEqual(await submit("alice"), full);
    await world.engine.cancelAll({ owner: "alice" }, "request");
    assert.deepEqual(await submit("alice", 3), { kind: "stored" });
  });

  Deno.test(`${name}: revived tasks take no more room than there is`, async () => {
    await using world = await World.open(open);
    const [a1, a2, a3] = await world.insert(
      { owner: "alice" },
      { owner: "alice" },
      { owner: "alice" },
    );
    const [b1] = await world.insert({ owner: "bob" });
    await world.engine.cancelAll({}, "request");
    const room = { maxQueued: 3, quotas: new Map([["alice", 2], ["eve", 0]]) };
    assert.equal(await world.engine.revive(a1!, room), "changed");
    assert.deepEqual(await world.engine.reviveAll({ owner: "alice" }, room), {
      retried: 1,
      expired: 0,
      full: 1,
    });
    for (const id of [a2!, a3!]) {
      const { state } = await world.find(id);
      assert.equal(
        await world.engine.revive(id, room),
        state === "queued" ? "not_possible" : "full",
      );
    }
    assert.equal(await world.engine.revive(b1!, room), "changed");
    assert.deepEqual(await world.engine.reviveAll({}, { maxQueued: 3 }), {
      retried: 0,
      expired: 0,
      full: 1,
    });
    assert.deepEqual(await world.engine.reviveAll({}), { retried: 1, expired: 0, full: 0 });
  });

  Deno.test(`${name}: tasks are found by source and time of acceptance`, async () => {
    await using world = await World.open(open);
    const start = world.clock.now();
    const [api] = await world.insert({});
    await world.clock.advance(60_000);
    const [nightly, hook] = await world.insert(
      { source: "schedule:nightly", followUps: [] },
      { source: "hook:github" },
    );
    const found = async (filter: Parameters<typeof world.engine.list>[0]) =>
      (await world.engine.list(filter, 9)).tasks.map(({ id }) => id);
    assert.deepEqual(await found({ source: "schedule:nightly" }), [nightly]);
    assert.deepEqual(await found({ source: "hook:github" }), [hook]);
    assert.deepEqual(await found({ source: "api" }), [api]);
    assert.deepEqual(await found({ since: start + 1 }), [hook, nightly]);
    assert.deepEqual(await found({ until: start }), [api]);
    assert.deepEqual(await found({ since: start, until: start + 60_000, states: ["queued"] }), [
      hook,
      nightly,
      api,
    ]);
    assert.equal((await world.find(nightly!)).source, "schedule:nightly");
    assert.deepEqual(await world.engine.cancelAll({ until: start + 59_999 }, "request"), {
      cancelled: 1,
      aborting: 0,
    });
  });

  Deno.test(`${name}: a search finds a task, a batch and a request by id`, async () => {
    await using world = await World.open(open);
    const batch = { id: world.ids("bat"), createdAt: world.clock.now() };
    const of = world.aTask({ batchId: batch.id, requestId: "req_abc_1" });
    await world.engine.insert({ tasks: [of], batch });
    const [other] = await world.insert({ label: "Hello req_abc_1 World" });
    const found = async (q: string) =>
      (await world.engine.list({ q }, 9)).tasks.map(({ id }) => id);
    assert.deepEqual(await found(other!), [other]);
    assert.deepEqual(await found(batch.id), [of.id]);
    assert.deepEqual(await found("req_abc_1"), [other, of.id]);
    assert.deepEqual(await found(world.ids("tsk")), []);
    assert.deepEqual(await found("hello"), [other]);
  });

  Deno.test(`${name}: the label of a follow-up is filled in`, async () => {
    await using world = await World.open(open);
    const parent = await world.insertOne({
      followUps: [{
        kind: "chain",
        on: ["succeeded"],
        task: { ...world.aTask(), label: "Report: {{task.result.status}}" },
      }],
    });
    await world.settle(await world.claimOne(), { result: { status: 201 } });
    const { tasks } = await world.engine.list({ parentId: parent }, 9);
    assert.deepEqual(tasks.map(({ label }) => label), ["Report: 201"]);
  });

  Deno.test(`${name}: a follow-up has the source of its parent`, async () => {
    await using world = await World.open(open);
    const parent = await world.insertOne({
      source: "schedule:nightly",
      followUps: [{ kind: "chain", on: ["succeeded"], task: world.aTask() }],
    });
    await world.settle(await world.claimOne());
    const { tasks } = await world.engine.list({ parentId: parent }, 9);
    assert.deepEqual(tasks.map(({ source }) => source), ["schedule:nightly"]);
  });

  Deno.test(`${name}: a cancelled task says who cancelled it`, async () => {
    await using world = await World.open(open);
    const [waits, runs, all, revived, shut] = await world.insert({}, {}, {}, {}, {});
    const running = (await world.claim()).filter(({ id }) => id === runs);
    for (const id of [waits, all, revived, shut]) await world.engine.cancel(id!, "request", "eve");
    const by = async (id: string | undefined) => (await world.find(id!)).cancelledBy;
    await world.engine.cancel(runs!, "request", "ops");
    assert.equal(await by(runs), undefined);
    await world.settle(running[0]!, { event: "cancel", reason: "request" });
    assert.equal(await by(runs), "ops");
    await world.engine.revive(runs!);
    assert.equal(await by(runs), undefined);
    await world.engine.cancelAll({}, "request", "admin");
    assert.equal(await by(runs), "admin");
    await world.engine.revive(runs!);
    await world.engine.cancelWaiting();
    assert.equal(await by(runs), "SIGINT");
  });

  Deno.test(`${name}: a task that succeeds although it was to be cancelled has no canceller`, async () => {
    await using world = await World.open(open);
    const id = await world.insertOne();
    const task = await world.claimOne();
    await world.engine.cancel(id, "request", "ops");
    await world.settle(task);
    const { state, cancelledBy } = await world.find(id);
    assert.deepEqual({ state, cancelledBy }, { state: "succeeded", cancelledBy: undefined });
  });

  Deno.test(`${name}: erasing a final task leaves its id, state and times`, async () => {
    await using world = await World.open(open);
    const id = await world.insertOne({ label: "to ada@example.org", retry: [] });
    assert.equal(await world.engine.erase(id), "not_final");
    const error = { code: "smtp_550", detail: "550 no such user ada@example.org" };
    const record = {
      number: 1,
      startedAt: 1,
      endedAt: 2,
      outcome: "rejected",
      error,
      evidence: { to: "ada@example.org" },
    } as const;
    await world.settle(await world.claimOne(), {
      event: "fail",
      reason: "rejected",
      delivery: "not_delivered",
      result: { recipients: ["ada@example.org"] },
      record,
    });
    const before = await world.find(id);
    assert.equal(await world.engine.erase(id), "erased");
    const task = await world.find(id);
    assert.doesNotMatch(JSON.stringify(task), /ada/);
    assert.deepEqual(
      [task.state, task.createdAt, task.finishedAt, task.error?.code, task.attempts.length],
      [before.state, before.createdAt, before.finishedAt, "smtp_550", 1],
    );
    assert.deepEqual((await world.engine.list({ q: "ada" }, 9)).tasks, []);
    assert.equal(await world.engine.revive(id), "not_possible");
    assert.equal(await world.engine.erase("tsk_x"), "not_found");
  });

  Deno.test(`${name}: what is found in brief has no payload of more than a MiB`, async () => {
    await using world = await World.open(open);
    const [short, long] = [{ text: "short" }, { text: "x".repeat(1_100_000) }]
      .map((payload) => JSON.stringify(payload)) as [string, string];
    const ids = await world.insert({ payload: short }, { payload: long });
    assert.deepEqual(await world.engine.findBrief(ids[0]!), await world.find(ids[0]!));
    const { payload, ...rest } = await world.find(ids[1]!);
    assert.ok(payload === long);
    assert.deepEqual(await world.engine.findBrief(ids[1]!), { ...rest, payloadBytes: long.length });
    assert.equal(await world.engine.findBrief("tsk_x"), undefined);
  });

  Deno.test(`${name}: at a retry of all, what has expired meanwhile becomes expired`, async () => {
    await using world = await World.open(open);
    const expiresAt = world.clock.now() + 4_000;
    const [late, lasting, byHand] = await world.insert({ expiresAt }, {}, { expiresAt });
    await world.engine.cancelAll({}, "request");
    await world.clock.advance(5_000);
    assert.equal(await world.engine.revive(byHand!), "changed");
    assert.equal((await world.find(byHand!)).expiresAt, undefined);
    assert.deepEqual(await world.engine.reviveAll({ reason: "request" }), {
      retried: 1,
      expired: 1,
      full: 0,
    });
    assert.equal((await world.find(lasting!)).state, "queued");
    const { state, reason, expiresAt: kept } = await world.find(late!);
    assert.deepEqual({ state, reason, kept }, {
      state: "expired",
      reason: "expired",
      kept: expiresAt,
    });
    assert.deepEqual(await world.engine.reviveAll({}), { retried: 0, expired: 0, full: 0 });
    // A filter that names the state means these tasks.
    assert.deepEqual(await world.engine.reviveAll({ states: ["expired"] }), {
      retried: 1,
      expired: 0,
      full: 0,
    });
    assert.deepEqual(await world.counts(), { queued: 3 });
  });
}
