import assert from "node:assert/strict";
import { systemClock } from "../../../src/lib/clock.ts";
import { type IdSource, openIds } from "../../../src/lib/ids.ts";
import { EngineError } from "../../../src/queue/errors.ts";
import type { QueueEngine } from "../../../src/queue/engine.ts";
import { openQueue } from "../../../src/queue/open.ts";
import { transfer } from "../../../src/queue/transfer/transfer.ts";
import type { ClaimedTask, NewTask, TaskRecord } from "../../../src/task/task.ts";
import { aFolder } from "../../support/process.ts";
import { hasPostgres, openCluster } from "../../support/postgres.ts";

const ignore = !hasPostgres();
const cluster = ignore ? undefined : await openCluster();
Deno.test.afterAll(async () => await cluster?.[Symbol.asyncDispose]());
let schemas = 0;

const LANE = "http://example.org:80";

function open(url: string, force = false): Promise<QueueEngine> {
  return openQueue(url, {
    clock: systemClock,
    force,
    node: {
      name: "test",
      report: () => ({ role: "all", version: "", running: 0, concurrency: 1 }),
      random: Math.random,
      migrate: "auto",
    },
  });
}

function aTask(ids: IdSource, fields: Partial<NewTask> = {}): NewTask {
  const now = systemClock.now();
  return {
    id: ids("tsk"),
    type: "fetch",
    channel: "http",
    lane: LANE,
    payload: JSON.stringify({ url: "http://example.org/", body: "ünïcode 🚚 \u0000" }),
    label: "GET http://example.org/",
    createdAt: now,
    dueAt: now,
    priority: 5,
    retry: [1_000, 5_000],
    timeoutMs: 30_000,
    onUnknown: "retry",
    ...fields,
  };
}

/** A queue with something of everything. */
async function fill(url: string): Promise<void> {
  await using engine = await open(url);
  const random = crypto.getRandomValues.bind(crypto);
  const ids = openIds(
    () => systemClock.now(),
    random,
    engine.lastSequence,
    engine.cluster?.idTurn,
  );
  const later = systemClock.now() + 3_600_000;
  const settle = (task: ClaimedTask, event: "succeed" | "fail" | "retry") =>
    engine.settle({
      id: task.id,
      attempt: task.attempt,
      at: systemClock.now(),
      event,
      ...(event === "retry" ? { dueAt: later } : { delivery: "delivered" as const }),
      ...(event === "fail"
        ? { reason: "rejected" as const, delivery: "not_delivered" as const }
        : {}),
      record: {
        number: task.attempt,
        startedAt: task.startedAt,
        endedAt: systemClock.now(),
        outcome: event === "succeed" ? "delivered" : "deferred",
        ...(event === "succeed" ? {} : { error: { code: "http_503", detail: "Unavailable" } }),
      },
      result: { status: event === "succeed" ? 200 : 503 },
    });
  const batch = { id: ids("bat"), createdAt: systemClock.now(), owner: "ops", concurrency: 1 };
  await engine.insert({
    tasks: [1, 2, 3].map(() => aTask(ids, { batchId: batch.id, owner: "ops", tags: ["a", "b"] })),
    batch,
  });
  await engine.insert({
    tasks: [aTask(ids)],
    idempotency: { scope: "api", key: "k", fingerprint: "f", expiresAt: later },
  });
  for (const key of ["x", "x", "y"]) {
    await engine.insert({ tasks: [aTask(ids, { key, owner: "ops" })] });
  }
  await engine.insert({ tasks: [aTask(ids, { source: "schedule:nightly" })] });
  const events = ["succeed", "fail", "retry", "succeed"] as const;
  const claimed = await engine.claim(4, new AbortController().signal);
  for (const [at, task] of claimed.entries()) await settle(task, events[at] ?? "succeed");
  const [last] = (await engine.list({ states: ["queued"] }, 1)).tasks;
  await engine.cancel(last!.id, "request");
  await engine.insert({
    tasks: [
      aTask(ids, {
        dueAt: later,
        expiresAt: later + 1,
        retain: "none",
        followUps: [{
          kind: "chain",
          on: ["succeeded"],
          task: {
            type: "fetch",
            channel: "http",
            lane: "http://after.example:80",
            payload: "{}",
            label: "after",
            priority: 5,
            retry: [],
            timeoutMs: 1_000,
            onUnknown: "retry",
          },
        }],
      }),
    ],
  });
  await engine.insert({
    tasks: [],
    schedule: { name: "nightly", expects: 0, record: { cron: "0 3 * * *" } },
  });
  const delivery = {
    id: ids("hkd"),
    hook: "builds",
    receivedAt: systemClock.now(),
    verdict: { kind: "accepted" },
    content: "{}",
  };
  await engine.insert({ tasks: [], delivery });
  await engine.writeHistory([{ stepMs: 60_000, at: 120_000, run: "a", tally: `{"n":1}` }]);
  for (let at = 0; at < 2_500; at += 500) {
    await engine.insert({
      tasks: Array.from({ length: 500 }, () => aTask(ids, { dueAt: later, tags: ["many"] })),
    });
  }
}

/** All that a queue holds, as its callers see it. */
async function contentsOf(url: string) {
  await using engine = await open(url);
  const tasks: TaskRecord[] = [];
  for (let cursor: string | undefined = "";;) {
    const page = await engine.list({}, 500, cursor || undefined);
    for (const { id } of page.tasks) tasks.push((await engine.find(id))!);
    cursor = page.nextCursor;
    if (!cursor) break;
  }
  const { batches } = await engine.listBatches(10);
  return {
    tasks,
    batches,
    batchTasks: await Promise.all(batches.map(({ id }) => engine.batchTasks(id))),
    counts: await engine.counts(),
    schedules: (await engine.schedules()).map(({ name, record }) => ({ name, record })),
    deliveries: await Promise.all(
      (await engine.deliveries("builds", 10)).deliveries.map(({ id }) => engine.findDelivery(id)),
    ),
    tagged: (await engine.list({ tag: "a" }, 10)).tasks.map(({ id }) => id),
    ofKey: (await engine.list({ key: "x" }, 10)).tasks.map(({ id }) => id),
    found: (await engine.list({ q: "EXAMPLE.org", states: ["failed"] }, 10)).tasks.map(({ id }) =>
      id
    ),
    changes: await engine.changesAfter(0, 5_000),
    history: await engine.history(60_000, 0),
  };
}

for (const from of ["sqlite", "postgres"] as const) {
  const to = from === "sqlite" ? "postgres" : "sqlite";
  Deno.test({
    name: `a queue moves from ${from} to ${to}: everything is there as it was, and goes on`,
    ignore,
    fn: async () => {
      await using folder = await aFolder();
      const urls = {
        sqlite: `sqlite:${folder.path}/q.db`,
        postgres: cluster!.url({ schema: `transfer_${++schemas}` }),
      };
      await fill(urls[from]);
      const before = await contentsOf(urls[from]);
      assert.ok(before.tasks.length > 2_500);
      const seen: number[] = [];
      const tasks = await transfer({
        from: urls[from],
        to: urls[to],
        onProgress: (copied) => seen.push(copied),
      });
      assert.equal(tasks, before.tasks.length);
      assert.equal(seen.at(-1), tasks);
      const after = await contentsOf(urls[to]);
      for (const [at, task] of before.tasks.entries()) assert.deepEqual(after.tasks[at], task);
      assert.deepEqual({ ...after, tasks: [] }, { ...before, tasks: [] });
      await assert.rejects(open(urls[from]), /were moved to .*--force/);
      await using engine = await open(urls[to]);
      const claimed = await engine.claim(10, new AbortController().signal);
      assert.ok(claimed.length > 0);
      assert.ok(
        (await engine.lastChange()) > Math.max(...before.changes.map(({ change }) => change)),
      );
      const twin = {
        scope: "api",
        key: "k",
        fingerprint: "f",
        expiresAt: systemClock.now() + 1_000,
      };
      const ids = openIds(
        () => systemClock.now(),
        crypto.getRandomValues.bind(crypto),
        engine.lastSequence,
      );
      assert.equal(
        (await engine.insert({ tasks: [aTask(ids)], idempotency: twin })).kind,
        "replayed",
      );
    },
  });
}

Deno.test({
  name:
    "a move is refused for a queue that is in use, missing, moved or not empty, and changes nothing",
  ignore,
  fn: async () => {
    await using folder = await aFolder();
    const sqlite = `sqlite:${folder.path}/q.db`;
    const postgres = cluster!.url({ schema: `transfer_${++schemas}` });
    await assert.rejects(transfer({ from: sqlite, to: postgres }), /there is no such file/);
    await assert.rejects(Deno.stat(`${folder.path}/q.db`), Deno.errors.NotFound);
    await assert.rejects(transfer({ from: postgres, to: sqlite }), /there is no such schema/);
    await fill(sqlite);
    {
      await using _engine = await open(sqlite);
      await assert.rejects(transfer({ from: sqlite, to: postgres }), /another process has it open/);
    }
    {
      await using _node = await open(postgres);
      await assert.rejects(transfer({ from: sqlite, to: postgres }), /nodes are running: test/);
    }
    const other = cluster!.url({ schema: `transfer_${++schemas}` });
    await fill(other);
    await assert.rejects(transfer({ from: sqlite, to: other }), /expected an empty queue/);
    await transfer({ from: sqlite, to: postgres });
    await assert.rejects(transfer({ from: sqlite, to: other }), /it was moved to/);
    await using _forced = await open(sqlite, true);
  },
});

Deno.test({
  name: "a move that was interrupted continues, and its copy is no queue before it has ended",
  ignore,
  fn: async () => {
    await using folder = await aFolder();
    const from = `sqlite:${folder.path}/q.db`;
    const to = cluster!.url({ schema: `transfer_${++schemas}` });
    await fill(from);
    const before = await contentsOf(from);
    const interrupted = transfer({
      from,
      to,
      onProgress: (copied) => {
        if (copied >= 2_000) throw new EngineError("interrupted");
      },
    });
    await assert.rejects(interrupted, /interrupted/);
    await assert.rejects(open(to), /unfinished copy/);
    const another = `sqlite:${folder.path}/other.db`;
    await fill(another);
    await assert.rejects(transfer({ from: another, to }), /expected an empty queue/);
    assert.equal(await transfer({ from, to }), before.tasks.length);
    const after = await contentsOf(to);
    assert.deepEqual(after.tasks.length, before.tasks.length);
    assert.deepEqual(after.counts, before.counts);
  },
});
