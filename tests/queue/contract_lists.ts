/** Lists: filters and cursors. */

import assert from "node:assert/strict";
import type { TaskFilter } from "../../src/queue/engine.ts";
import type { NewTask } from "../../src/task/task.ts";
import { type OpenEngine, World } from "./world.ts";

/** Registers the tests for an engine. */
export function listContract(name: string, open: OpenEngine): void {
  Deno.test(`${name}: each filter finds what it names, newest first`, async () => {
    await using world = await World.open(open);
    const parentId = world.ids("tsk");
    const batch = { id: world.ids("bat"), createdAt: world.clock.now() };
    const fields: Record<string, Partial<NewTask>> = {
      mail: {
        type: "notify",
        channel: "email",
        lane: "mail:smtp.example.org:587",
        label: "Grüße an ADA",
      },
      https: { lane: "https://example.org:443", owner: "ops", tags: ["x", "y"] },
      http: { lane: "http://example.org:8080", key: "k", label: "100%_sure" },
      child: { lane: "http://[::1]:80", parentId, tags: ["x"] },
      member: { lane: "http://10.0.0.1:80", batchId: batch.id, key: "k" },
    };
    const names = new Map<string, string>();
    for (const [called, one] of Object.entries(fields)) {
      const task = world.aTask(one);
      names.set(task.id, called);
      await world.engine.insert({ tasks: [task], ...(one.batchId ? { batch } : {}) });
    }
    const cancelled = [...names].find(([, called]) => called === "https")![0];
    await world.engine.cancel(cancelled, "request");

    const cases: [TaskFilter, string[]][] = [
      [{}, ["member", "child", "http", "https", "mail"]],
      [{ states: ["cancelled"] }, ["https"]],
      [{ states: ["queued", "cancelled"] }, ["member", "child", "http", "https", "mail"]],
      [{ states: ["failed"] }, []],
      [{ states: [] }, []],
      [{ type: "notify" }, ["mail"]],
      [{ tag: "x" }, ["child", "https"]],
      [{ tags: ["x", "y"] }, ["https"]],
      [{ tags: ["x"] }, ["child", "https"]],
      [{ tags: ["x", "z"] }, []],
      [{ tag: "x", states: ["queued"] }, ["child"]],
      [{ key: "k" }, ["member", "http"]],
      [{ key: "k", batchId: batch.id }, ["member"]],
      [{ batchId: batch.id }, ["member"]],
      [{ batchId: "nonsense" }, []],
      [{ parentId }, ["child"]],
      [{ parentId: "nonsense" }, []],
      [{ owner: "ops" }, ["https"]],
      [{ reason: "request" }, ["https"]],
      [{ finishedSince: world.clock.now() }, ["https"]],
      [{ finishedSince: world.clock.now() + 1 }, []],
      [{ finishedUntil: world.clock.now() }, ["https"]],
      [{ finishedUntil: world.clock.now() - 1 }, []],
      [{ host: "example.org" }, ["http", "https"]],
      [{ host: "EXAMPLE.org:443" }, ["https"]],
      [{ host: "http://example.org:8080" }, ["http"]],
      [{ host: "smtp.example.org" }, ["mail"]],
      [{ host: "::1" }, ["child"]],
      [{ host: "example" }, []],
      [{ q: "GRÜSSE" }, []],
      [{ q: "GRÜßE AN" }, ["mail"]],
      [{ q: "%_S" }, ["http"]],
      [{ q: "example.org", tag: "y" }, ["https"]],
    ];
    for (const [filter, expected] of cases) {
      const { tasks } = await world.engine.list(filter, 10);
      const found = tasks.map(({ id }) => names.get(id));
      assert.deepEqual(found, expected, JSON.stringify(filter));
      const counted = await world.engine.count(filter);
      assert.deepEqual(counted, { count: expected.length }, JSON.stringify(filter));
    }
    const [summary] = (await world.engine.list({ parentId }, 1)).tasks;
    const { payload: _, retry: _retry, attempts: _attempts, ...rest } = await world.find(
      summary!.id,
    );
    assert.deepEqual(summary, rest);
  });

  Deno.test(`${name}: what is not due yet is listed by its time, page by page`, async () => {
    await using world = await World.open(open);
    const now = world.clock.now();
    const [late, , soon, paused, soonToo] = await world.insert(
      { dueAt: now + 3_000, tags: ["x"] },
      {},
      { dueAt: now + 1_000 },
      { dueAt: now + 2_000, key: "paused" },
      { dueAt: now + 1_000, tags: ["x"] },
    );
    await world.engine.pause({
      id: world.ids("pau"),
      key: "paused",
      by: "anonymous",
      createdAt: now,
    });
    const ids = async (filter: TaskFilter) =>
      (await world.engine.upcoming(filter, 10)).tasks.map(({ id }) => id);
    assert.deepEqual(await ids({}), [soon, soonToo, paused, late]);
    assert.deepEqual(await ids({ tag: "x" }), [soonToo, late]);
    assert.deepEqual(await ids({ states: ["failed"] }), []);
    const first = await world.engine.upcoming({}, 1);
    assert.deepEqual(first.tasks.map(({ id }) => id), [soon]);
    const second = await world.engine.upcoming({}, 2, first.nextCursor);
    assert.deepEqual(second.tasks.map(({ id }) => id), [soonToo, paused]);
    const third = await world.engine.upcoming({}, 2, second.nextCursor);
    assert.deepEqual(third.tasks.map(({ id }) => id), [late]);
    assert.equal(third.nextCursor, undefined);
    await assert.rejects(world.engine.upcoming({}, 1, "nonsense"), RangeError);
    await world.clock.advance(1_500);
    assert.deepEqual(await ids({}), [paused, late]);
  });

  Deno.test(`${name}: batches are listed newest first, page by page`, async () => {
    await using world = await World.open(open);
    const ids: string[] = [];
    for (let i = 0; i < 5; i++) {
      const batch = { id: world.ids("bat"), createdAt: world.clock.now() };
      await world.engine.insert({ tasks: [world.aTask({ batchId: batch.id })], batch });
      ids.unshift(batch.id);
    }
    const first = await world.engine.listBatches(3);
    assert.deepEqual(first.batches[0], await world.engine.findBatch(ids[0] ?? ""));
    const second = await world.engine.listBatches(3, first.nextCursor);
    const found = [...first.batches, ...second.batches].map(({ id }) => id);
    assert.deepEqual(found, ids);
    assert.equal(second.nextCursor, undefined);
    await assert.rejects(world.engine.listBatches(3, "nonsense"), RangeError);
  });

  Deno.test(`${name}: each task that changed since is listed once, in its present state`, async () => {
    await using world = await World.open(open);
    assert.equal(await world.engine.lastChange(), 0);
    const batch = { id: world.ids("bat"), createdAt: world.clock.now() };
    const [first, second] = await world.insert({}, {});
    const member = world.aTask({ batchId: batch.id, dueAt: world.clock.now() + 60_000 });
    await world.engine.insert({ tasks: [member], batch });
    const before = await world.engine.lastChange();
    assert.ok(before > 0);
    assert.deepEqual(await world.engine.changesAfter(before, 10), []);
    await world.clock.advance(1_000);
    for (const task of await world.claim(1)) await world.settle(task);
    await world.engine.cancel(member.id, "request");
    const changes = await world.engine.changesAfter(before, 10);
    assert.deepEqual(
      changes.map(({ change: _, ...rest }) => rest),
      [
        { id: first, type: "fetch", state: "succeeded", attempt: 1, at: world.clock.now() },
        {
          id: member.id,
          type: "fetch",
          state: "cancelled",
          attempt: 0,
          at: world.clock.now(),
          batchId: batch.id,
        },
      ],
    );
    assert.equal(changes.at(-1)?.change, await world.engine.lastChange());
    const all = await world.engine.changesAfter(0, 2);
    assert.deepEqual(
      all.map(({ id }) => id),
      [second, first],
      "by the latest change, up to a limit",
    );
  });

  Deno.test(`${name}: rare tasks are found behind many others, page by page`, async () => {
    await using world = await World.open(open);
    const label = (n: number) => ({ label: n < 5 ? "rare" : "common" });
    const ids = await world.insert(...Array.from({ length: 1_200 }, (_, n) => label(n)));
    const page = await world.engine.list({ q: "rare" }, 3);
    assert.deepEqual(page.tasks.map(({ id }) => id), [ids[4], ids[3], ids[2]]);
    const part = await world.engine.count({ q: "rare" }, undefined, 3);
    assert.equal(part.count, 3);
    assert.deepEqual(await world.engine.count({ q: "rare" }, part.nextCursor, 3), { count: 2 });
    const rest = await world.engine.list({ q: "rare" }, 3, page.nextCursor);
    assert.deepEqual(rest.tasks.map(({ id }) => id), [ids[1], ids[0]]);
    assert.equal(rest.nextCursor, undefined);
  });

  Deno.test(`${name}: tasks on both sides of the first thousand are found once each, newest first`, async () => {
    await using world = await World.open(open);
    const isRare = (n: number) => n >= 198 && n <= 202;
    const label = (n: number) => ({ label: isRare(n) ? "rare" : "common" });
    const ids = await world.insert(...Array.from({ length: 1_200 }, (_, n) => label(n)));
    const { tasks, nextCursor } = await world.engine.list({ q: "rare" }, 9);
    assert.deepEqual(tasks.map(({ id }) => id), ids.filter((_, n) => isRare(n)).reverse());
    assert.equal(nextCursor, undefined);
  });

  Deno.test(`${name}: pages follow on each other without gap or repetition`, async () => {
    await using world = await World.open(open);
    const ids = await world.insert(...Array.from({ length: 7 }, () => ({ tags: ["t"] })));
    for (const filter of [{}, { tag: "t" }, { states: ["queued", "failed"] }] as TaskFilter[]) {
      const seen: string[] = [];
      const sizes: number[] = [];
      let cursor: string | undefined;
      do {
        const page = await world.engine.list(filter, 3, cursor);
        seen.push(...page.tasks.map(({ id }) => id));
        sizes.push(page.tasks.length);
        cursor = page.nextCursor;
      } while (cursor !== undefined);
      assert.deepEqual(seen, [...ids].reverse());
      assert.deepEqual(sizes, [3, 3, 1]);
    }
    for (const wrong of ["", "c", "c-1", "c0001", "x1", "czzzzzzzzzzz", ids[0]!]) {
      await assert.rejects(world.engine.list({}, 3, wrong), RangeError, wrong);
    }
  });
}
