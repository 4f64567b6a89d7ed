import assert from "node:assert/strict";
import type { TaskChange } from "../../../src/queue/engine.ts";
import type { BreakerChange } from "../../../src/task/lane_health.ts";
import type { ClaimedTask, NewTask } from "../../../src/task/task.ts";
import { hasPostgres, openCluster } from "../../support/postgres.ts";
import {
  aTask,
  claim,
  claimNow,
  insert,
  LANE,
  Nodes,
  settle,
  type TestNode,
  until,
} from "./support.ts";

const ignore = !hasPostgres();
const cluster = ignore ? undefined : await openCluster();
Deno.test.afterAll(async () => await cluster?.[Symbol.asyncDispose]());

/** A test with nodes of its own. */
function test(name: string, run: (nodes: Nodes) => Promise<void>): void {
  Deno.test({
    name: `nodes: ${name}`,
    ignore,
    fn: async () => {
      await using nodes = new Nodes(cluster!);
      await run(nodes);
    },
  });
}

/** Runs everything that is due on all nodes, and tells of each attempt. */
async function runAll(
  nodes: readonly TestNode[],
  total: number,
  attempted: (node: TestNode, task: ClaimedTask) => void,
): Promise<void> {
  const stop = new AbortController();
  let done = 0;
  await Promise.all(nodes.map(async (node) => {
    while (!stop.signal.aborted) {
      for (const task of await node.engine.claim(5, stop.signal)) {
        attempted(node, task);
        await settle(node, task);
        if (++done >= total) stop.abort();
      }
    }
  }));
}

test("each of a thousand tasks is attempted once, by one of three nodes", async (nodes) => {
  const all = [await nodes.start("a"), await nodes.start("b"), await nodes.start("c")];
  const ids = (await Promise.all(
    all.map((node) =>
      insert(
        node,
        ...Array.from({ length: 333 }, (_, at) => ({ lane: `http://h${at % 7}.example:80` })),
      )
    ),
  )).flat();
  const attempts = new Map<string, number>();
  const busy = new Set<TestNode>();
  await runAll(all, ids.length, (node, { id }) => {
    attempts.set(id, (attempts.get(id) ?? 0) + 1);
    busy.add(node);
  });
  assert.equal(attempts.size, ids.length);
  assert.deepEqual([...attempts.values()].filter((count) => count !== 1), []);
  assert.equal(busy.size, 3);
  assert.equal(new Set(ids).size, ids.length, "no two nodes make the same id");
  assert.equal((await all[0]!.engine.counts()).succeeded, ids.length);
});

test("tasks of a key run one at a time in the order of acceptance, wherever they were accepted", async (nodes) => {
  const all = [await nodes.start("a"), await nodes.start("b")];
  const ids: string[] = [];
  for (let n = 0; n < 30; n++) ids.push(...await insert(all[n % 2]!, { key: "k" }));
  const order: string[] = [];
  let running = 0;
  const stop = new AbortController();
  await Promise.all(all.map(async (node) => {
    while (!stop.signal.aborted) {
      for (const task of await node.engine.claim(5, stop.signal)) {
        assert.equal(++running, 1);
        order.push(task.id);
        running--;
        await settle(node, task);
        if (order.length === ids.length) stop.abort();
      }
    }
  }));
  assert.deepEqual(order, ids);
});

test("a lane's limit, a hold and an adaptive limit hold for all nodes together", async (nodes) => {
  const a = await nodes.start("a");
  const b = await nodes.start("b");
  await a.engine.limitLane(LANE, 3);
  await insert(a, {}, {}, {}, {}, {}, {});
  const first = await claim(a, 2);
  const second = await claim(b, 5);
  assert.deepEqual([first.length, second.length], [2, 1]);
  assert.deepEqual(await claimNow(b), []);
  assert.equal((await b.engine.lane(LANE)).running, 3);
  const until = Date.now() + 60_000;
  await settle(b, second[0]!, { hold: { until, reason: "429" }, adaptiveLimit: 2 });
  await settle(a, first[0]!);
  assert.deepEqual([await claimNow(a), await claimNow(b)], [[], []]);
  const { heldUntil, reason, limit } = await a.engine.lane(LANE);
  assert.deepEqual({ reason, limit }, { reason: "429", limit: 2 });
  assert.ok(Math.abs((heldUntil ?? 0) - until) < 1_000);
});

test("a rate is shared by the nodes", async (nodes) => {
  const all = [await nodes.start("a"), await nodes.start("b")];
  const rate = { count: 4, windowMs: 3_600_000 };
  for (const { engine } of all) await engine.limitHosts(new Map([["example.org", { rate }]]));
  await insert(all[0]!, {}, {}, {}, {}, {}, {});
  const claimed = [...await claim(all[0]!, 3), ...await claim(all[1]!, 3)];
  assert.equal(claimed.length, 4);
  assert.deepEqual([await claimNow(all[0]!), await claimNow(all[1]!)], [[], []]);
});

test("a task that runs on another node is told to abort, and stays cancelled", async (nodes) => {
  const a = await nodes.start("a");
  const b = await nodes.start("b");
  const [id] = await insert(a, {});
  const [task] = await claim(b);
  const heard = Promise.withResolvers<TaskChange>();
  b.engine.watch("running", heard.resolve);
  assert.equal(await a.engine.cancel(id!, "request"), "aborting");
  assert.deepEqual([(await heard.promise).id, (await heard.promise).abort], [id, "request"]);
  await settle(b, task!, { event: "retry", dueAt: Date.now() });
  assert.equal((await a.engine.find(id!))?.state, "cancelled");
});

test("a watcher hears of what happens on another node, in order", async (nodes) => {
  const a = await nodes.start("a");
  const b = await nodes.start("b");
  const [id] = await insert(a, { dueAt: Date.now() + 50 });
  const ended = Promise.withResolvers<void>();
  const changes: TaskChange[] = [];
  a.engine.watch({ task: id! }, (change) => {
    changes.push(change);
    if (change.state === "succeeded") ended.resolve();
  });
  for (const task of await claim(b)) await settle(b, task);
  await ended.promise;
  const numbers = changes.map(({ change }) => change);
  assert.deepEqual(numbers, [...new Set(numbers)].sort((x, y) => x - y));
  assert.equal(changes.at(-1)?.state, "succeeded");
});

test("no change is missed by a reader, however commits overlap", async (nodes) => {
  const all = [await nodes.start("a"), await nodes.start("b"), await nodes.start("c")];
  const seen = new Map<string, string>();
  all[0]!.engine.watch("all", ({ id, state }) => seen.set(id, state));
  await all[0]!.engine.idle();
  const total = 600;
  const running = runAll(all, total, () => {});
  const ids = (await Promise.all(
    all.map((node) =>
      insert(
        node,
        ...Array.from(
          { length: total / 3 },
          (_, at) => ({ lane: `http://h${at % 5}.example:80` }),
        ),
      )
    ),
  )).flat();
  await running;
  await until(
    "every end was heard of",
    () => Promise.resolve(ids.every((id) => seen.get(id) === "succeeded")),
  );
});

test("a twin of an Idempotency-Key on another node gets the first's task", async (nodes) => {
  const all = [await nodes.start("a"), await nodes.start("b"), await nodes.start("c")];
  for (let n = 0; n < 20; n++) {
    const idempotency = {
      scope: "api",
      key: `k${n}`,
      fingerprint: "f",
      expiresAt: Date.now() + 60_000,
    };
    const tasks = all.map((node) => aTask(node));
    const answers = await Promise.all(
      all.map(({ engine }, at) => engine.insert({ tasks: [tasks[at]!], idempotency })),
    );
    const stored = answers.flatMap(({ kind }, at) => kind === "stored" ? [tasks[at]!.id] : []);
    assert.equal(stored.length, 1);
    for (const answer of answers) {
      assert.ok(
        answer.kind === "stored" || (answer.kind === "replayed" && answer.id === stored[0]),
      );
    }
  }
  assert.equal((await all[0]!.engine.counts()).queued, 20);
});

test("a schedule's tick is stored by one node only", async (nodes) => {
  const all = [await nodes.start("a"), await nodes.start("b"), await nodes.start("c")];
  const heard = Promise.withResolvers<string>();
  all[1]!.engine.onAnnouncement(heard.resolve);
  const schedule = { name: "nightly", expects: 0, record: {} };
  const created = await all[0]!.engine.insert({ tasks: [], schedule });
  assert.ok(created.kind === "stored" && created.version);
  assert.equal(await heard.promise, "schedules");
  const answers = await Promise.all(all.map((node) =>
    node.engine.insert({
      tasks: [aTask(node)],
      schedule: { ...schedule, expects: created.version! },
    })
  ));
  assert.deepEqual(answers.map(({ kind }) => kind).sort(), ["stale", "stale", "stored"]);
});

test("the last tasks of a batch, settled on two nodes at once, make what follows it once", async (nodes) => {
  const all = [await nodes.start("a"), await nodes.start("b")];
  for (let n = 0; n < 10; n++) {
    const [a] = all;
    const batch = {
      id: a!.ids("bat"),
      createdAt: Date.now(),
      followUps: [{
        kind: "chain",
        on: [],
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
      }] as const,
    };
    const tasks = [1, 2].map(() =>
      aTask(a!, { batchId: batch.id, lane: `http://b${n}.example:80` })
    );
    await a!.engine.insert({ tasks, batch });
    const claimed: [TestNode, ClaimedTask][] = [];
    while (claimed.length < 2) {
      const node = all[claimed.length % 2]!;
      for (const task of await claim(node, 1)) {
        if (task.lane.includes("after")) await settle(node, task);
        else claimed.push([node, task]);
      }
    }
    await Promise.all(claimed.map(([node, task]) => settle(node, task)));
    assert.equal((await a!.engine.list({ parentId: batch.id }, 10)).tasks.length, 1);
  }
});

test("a node that was given up finds out, aborts its attempts and goes on; others take them over", async (nodes) => {
  const a = await nodes.start("a");
  const b = await nodes.start("b");
  const [id] = await insert(a, {});
  const [task] = await claim(a);
  const aborted = Promise.withResolvers<string>();
  a.engine.watch("running", (change) => aborted.resolve(change.id));
  await nodes.sql("DELETE FROM @.node WHERE name = 'a'");
  assert.equal(await aborted.promise, id);
  await until("the attempt is over", async () => (await b.engine.find(id!))?.state === "queued");
  assert.equal(await settle(a, task!), false);
  const found = await b.engine.find(id!);
  assert.equal(found?.possibleDuplicate, true);
  await until("both are listed", async () => (await b.engine.nodes()).length === 2);
  await insert(a, {});
});

test("a node that was given up settles none of its attempts, also before others recover them", async (nodes) => {
  const a = await nodes.start("a");
  const [id] = await insert(a, {});
  const [task] = await claim(a);
  const settled = Promise.withResolvers<boolean>();
  a.engine.watch("running", () => settle(a, task!, { event: "cancel" }).then(settled.resolve));
  await nodes.sql("DELETE FROM @.node WHERE name = 'a'");
  assert.equal(await settled.promise, false);
  await until("the attempt is over", async () => (await a.engine.find(id!))?.state === "queued");
  const [again] = await claim(a);
  assert.deepEqual([again?.id, again?.attempt], [id, 2]);
  assert.equal(await settle(a, again!), true);
});

test("a node that returns under its name has its former tasks at once", async (nodes) => {
  const a = await nodes.start("a");
  const [, , stopped] = await insert(a, {}, {}, { onUnknown: "stop" });
  assert.equal((await claim(a)).length, 3);
  // As a process that is killed: its row stays, its connections end.
  await nodes.sql(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'postrider a%'",
  );
  const again = await nodes.start("a");
  assert.equal(again.engine.recovered, 3);
  assert.deepEqual(nodes.failed.map(({ id, error }) => [id, error.code]), [[stopped, "crashed"]]);
  assert.equal((await claim(again)).length, 2);
});

test("two live nodes of one name get names that tell them apart", async (nodes) => {
  await nodes.start("same");
  const second = await nodes.start("same");
  const names = (await second.engine.nodes()).map(({ name }) => name);
  assert.deepEqual(names, ["same", "same-2"]);
});

test("a node that polls, as behind a pooler, serves claims and watchers", async (nodes) => {
  const a = await nodes.start("a", { wake: "poll", prepare: "false" });
  const b = await nodes.start("b", { wake: "poll", prepare: "false" });
  const waiting = claim(b);
  const [id] = await insert(a, {});
  assert.deepEqual((await waiting).map((task) => task.id), [id]);
});

for (const wake of ["listen", "poll"]) {
  test(`an announcement reaches the other nodes once, also with wake=${wake}`, async (nodes) => {
    const a = await nodes.start("a", { wake });
    const b = await nodes.start("b", { wake });
    const heard: string[] = [];
    a.engine.onAnnouncement((what) => heard.push(`a ${what}`));
    for (const what of ["reload", "schedules", "reload"] as const) {
      const { promise, resolve } = Promise.withResolvers<string>();
      b.engine.onAnnouncement((other) => {
        heard.push(`b ${other}`);
        resolve(other);
      });
      a.engine.announce(what);
      assert.equal(await promise, what);
    }
    for (const { engine } of [a, b]) await engine.idle();
    assert.deepEqual(heard, ["b reload", "b schedules", "b reload"]);
  });
}

test("a large submission is stored by several statements, all of it or nothing", async (nodes) => {
  const a = await nodes.start("a");
  const many = () => Array.from({ length: 4_001 }, () => aTask(a, { tags: ["many"] }));
  const tasks = many();
  assert.equal((await a.engine.insert({ tasks })).kind, "stored");
  const largest = "SELECT max(cardinality(tasks)), count(*) FROM @.changed";
  assert.equal(await nodes.sql(largest), "2000|3");
  await assert.rejects(a.engine.insert({ tasks: [...many(), tasks[0] as NewTask] }));
  const rows = "SELECT (SELECT count(*) FROM @.task), (SELECT count(*) FROM @.tag)";
  assert.equal(await nodes.sql(rows), "4001|4001");
  assert.equal((await a.engine.counts()).queued, 4_001);
});

test("counts are those of the rows, whatever the nodes do", async (nodes) => {
  const all = [await nodes.start("a"), await nodes.start("b"), await nodes.start("c")];
  const running = runAll(all, 300, () => {});
  const ids = (await Promise.all(
    all.map((node) =>
      insert(
        node,
        ...Array.from({ length: 100 }, (_, at) => ({ lane: `http://h${at % 3}.example:80` })),
      )
    ),
  )).flat();
  await Promise.all(ids.slice(0, 50).map((id) => all[1]!.engine.revive(id)));
  await running;
  const rows = await nodes.sql("SELECT count(*) FROM @.task WHERE state = 2");
  assert.equal((await all[2]!.engine.counts()).succeeded, Number(rows));
});

test("what has been overtaken in the list of changes is forgotten, and readers miss nothing", async (nodes) => {
  const a = await nodes.start("a");
  const ids = await insert(a, {}, {}, {}, {}, {});
  for (const task of await claim(a, 4)) await settle(a, task);
  const before = await a.engine.changesAfter(0, 100);
  const rows = async () => Number(await nodes.sql("SELECT count(*) FROM @.changed"));
  assert.ok(await rows() > ids.length);
  const last = await a.engine.lastChange();
  await a.engine.purge(0, 100);
  assert.ok(await rows() <= ids.length);
  assert.deepEqual(await a.engine.changesAfter(0, 100), before);
  await a.engine.purge(Date.now() + 1_000, 100);
  assert.equal((await a.engine.changesAfter(0, 100)).length, 1);
  assert.equal(await a.engine.lastChange(), last);
});

test("a full disk refuses submits, and what was attempted is settled when there is room again", async (nodes) => {
  const a = await nodes.start("a");
  await insert(a, {});
  const [task] = await claim(a);
  await nodes.sql(`CREATE FUNCTION @.full() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'no space left' USING ERRCODE = '53100'; END $$`);
  await nodes.sql(
    "CREATE TRIGGER full_disk BEFORE INSERT OR UPDATE ON @.task EXECUTE FUNCTION @.full()",
  );
  const refused = await a.engine.insert({ tasks: [aTask(a)] });
  assert.deepEqual(refused, { kind: "refused", code: "storage_full" });
  const settled = settle(a, task!);
  await nodes.sql("DROP TRIGGER full_disk ON @.task");
  assert.equal(await settled, true);
});

test("a pause on one node holds on the others at once, and so does its end", async (nodes) => {
  const a = await nodes.start("a");
  const b = await nodes.start("b");
  const pause = { id: a.ids("pau"), type: "fetch", by: "ops", createdAt: Date.now() } as const;
  await a.engine.pause(pause);
  await insert(a, {});
  assert.deepEqual(await claimNow(b), []);
  assert.deepEqual(await b.engine.pauses(), [pause]);
  const waiting = claim(b);
  assert.equal(await a.engine.resume(pause.id), true);
  assert.equal((await waiting).length, 1);
});

const FAULT = { kind: "fault", code: "connection_refused" } as const;

/** Settles an attempt as one that showed something about its lane. */
function settleWith(
  node: TestNode,
  task: ClaimedTask,
  evidence: { kind: "fault"; code: string } | { kind: "too_many" } | { kind: "answer" },
  lane = task.lane,
): Promise<boolean> {
  return settle(node, task, {
    event: "retry",
    dueAt: Date.now(),
    evidence: [{ ...evidence, lane, startedAt: task.startedAt }],
  });
}

test("network faults in a row are counted over all nodes, and the tenth opens the breaker once", async (nodes) => {
  const all = [await nodes.start("a"), await nodes.start("b")];
  const changes: BreakerChange[] = [];
  for (const { engine } of all) engine.onBreaker((change) => changes.push(change));
  await insert(all[0]!, ...Array.from({ length: 12 }, () => ({})));
  const claimed = [
    ...(await claim(all[0]!, 6)).map((task) => [all[0]!, task] as const),
    ...(await claim(all[1]!, 6)).map((task) => [all[1]!, task] as const),
  ];
  assert.equal(claimed.length, 12);
  // An answer in between begins the row anew.
  const [first, second, ...rest] = claimed;
  await settleWith(first![0], first![1], FAULT);
  await settleWith(second![0], second![1], { kind: "answer" });
  await Promise.all(rest.map(([node, task]) => settleWith(node, task, FAULT)));
  const { limit, reason, heldUntil } = await all[1]!.engine.lane(LANE);
  assert.equal(limit, 1);
  assert.match(reason ?? "", /^breaker: 10 network faults in a row/);
  assert.ok((heldUntil ?? 0) > Date.now());
  assert.deepEqual(changes.map(({ lane, is }) => [lane, is]), [[LANE, "open"]]);
  for (const node of all) assert.deepEqual(await claimNow(node), []);
});

test("a probe that is answered on one node closes the breaker for all, also after a restart", async (nodes) => {
  const a = await nodes.start("a");
  await insert(a, {}, {}, {});
  const tasks = await claim(a, 3);
  await nodes.sql(`UPDATE @.lane SET adaptive_limit = 1, health =
    '{"faults":9,"openMs":0,"notBefore":0,"limit":64,"answers":0,"isListed":false}'`);
  await settleWith(a, tasks[0]!, FAULT);
  assert.equal((await a.engine.lane(LANE)).limit, 1);
  await a.engine.releaseHolds("example.org");
  await settle(a, tasks[1]!, { event: "release", dueAt: Date.now() });
  await settle(a, tasks[2]!, { event: "release", dueAt: Date.now() });
  const b = await nodes.start("b");
  const closed = Promise.withResolvers<BreakerChange>();
  b.engine.onBreaker(closed.resolve);
  await nodes.sql(
    `UPDATE @.lane SET health = replace(health, '"notBefore":', '"notBefore":0,"was":')`,
  );
  const [probe] = await claim(b, 3);
  assert.equal(b.engine.healthOf(LANE)?.openMs, 5_000);
  await settleWith(b, probe!, { kind: "answer" });
  assert.deepEqual(await closed.promise, { lane: LANE, is: "closed" });
  assert.equal((await a.engine.lane(LANE)).limit, 64);
  assert.equal(b.engine.healthOf(LANE), undefined);
});

test("too many requests halve what runs on all nodes together", async (nodes) => {
  const all = [await nodes.start("a"), await nodes.start("b")];
  await insert(all[0]!, ...Array.from({ length: 12 }, () => ({})));
  const [task] = await claim(all[0]!, 6);
  assert.equal((await claim(all[1]!, 6)).length, 6);
  await settleWith(all[0]!, task!, { kind: "too_many" });
  assert.equal((await all[1]!.engine.lane(LANE)).limit, 6);
});

test("a redirect's fault counts for the other lane, and opens nothing by itself", async (nodes) => {
  const a = await nodes.start("a");
  const other = "http://other.example:80";
  await insert(a, {}, { lane: other });
  const task = (await claim(a)).find(({ lane }) => lane === LANE)!;
  const fault = { ...FAULT, lane: other, startedAt: task.startedAt, isElsewhere: true } as const;
  const unknown = { ...fault, lane: "http://never.example:80" };
  await settle(a, task, { evidence: [unknown, ...Array.from({ length: 12 }, () => fault)] });
  assert.equal((await a.engine.lane(other)).heldUntil, undefined);
  assert.equal(a.engine.healthOf(LANE), undefined);
  assert.equal(
    JSON.parse(await nodes.sql(`SELECT health FROM @.lane WHERE name = '${other}'`)).faults,
    9,
  );
});

test("a bucket of tokens is shared, and never gives more than it holds", async (nodes) => {
  const all = [await nodes.start("a"), await nodes.start("b"), await nodes.start("c")];
  const rate = { count: 10, windowMs: 3_600_000 };
  const answers = (await Promise.all(
    Array.from({ length: 24 }, (_, at) => all[at % 3]!.engine.takeToken("key ada", rate)),
  )).sort((x, y) => y.left - x.left);
  const taken = answers.filter(({ waitMs }) => waitMs === 0);
  assert.deepEqual(taken.map(({ left }) => Math.floor(left)), [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]);
  const waits = answers.filter(({ waitMs }) => waitMs > 0).map(({ waitMs }) => waitMs);
  assert.equal(waits.length, 14);
  for (const waitMs of waits) assert.ok(waitMs > 300_000 && waitMs <= 360_000, `${waitMs}`);
  assert.equal((await all[0]!.engine.takeToken("key bob", rate)).waitMs, 0);
});

test("the queued tasks of an API key are counted over all nodes, whatever becomes of them", async (nodes) => {
  const all = [await nodes.start("a"), await nodes.start("b")];
  const [a, b] = all as [TestNode, TestNode];
  const quota = { owner: "ada", maxQueued: 5 };
  const submit = (node: TestNode, fields: Partial<NewTask> = {}) =>
    node.engine.insert({ tasks: [aTask(node, { owner: "ada", ...fields })], quota });
  for (let n = 0; n < 5; n++) assert.equal((await submit(all[n % 2]!)).kind, "stored");
  const refused = { kind: "refused", code: "queue_full", quota: 5 };
  assert.deepEqual(await submit(b), refused);
  assert.deepEqual(await submit(a, { key: "k" }), refused);
  await insert(b, { owner: "bob" });
  const counted = async () =>
    (await nodes.sql("SELECT owner, sum(queued) FROM @.owner_tally GROUP BY 1 ORDER BY 1")).split(
      "\n",
    );
  assert.deepEqual(await counted(), ["ada|5", "bob|1"]);
  const [task] = await claim(b, 1);
  await settle(b, task!, { event: "retry", dueAt: Date.now() + 60_000 });
  assert.deepEqual(await counted(), ["ada|5", "bob|1"]);
  const pause = { id: a.ids("pau"), type: "fetch", by: "ops", createdAt: Date.now() } as const;
  await a.engine.pause(pause);
  assert.deepEqual(await counted(), ["ada|5", "bob|1"]);
  await a.engine.resume(pause.id);
  await a.engine.cancel(task!.id, "request");
  assert.deepEqual(await counted(), ["ada|4", "bob|1"]);
  assert.equal((await submit(a)).kind, "stored");
  assert.equal(
    await a.engine.revive(task!.id, { maxQueued: 100, quotas: new Map([["ada", 5]]) }),
    "full",
  );
  await b.engine.cancelWaiting();
  assert.deepEqual(await counted(), ["ada|0", "bob|0"]);
});

test("queued tasks are counted by what they wait for as the rows say", async (nodes) => {
  const a = await nodes.start("a");
  const later = Date.now() + 3_600_000;
  const ids = await insert(a, {}, {}, { dueAt: later }, { key: "k" }, { key: "k" }, {
    lane: "mail:relay:25",
    type: "notify",
  });
  const pause = { id: a.ids("pau"), host: "relay:25", by: "ops", createdAt: Date.now() } as const;
  await a.engine.pause(pause);
  const [task] = await claim(a, 1);
  await settle(a, task!, { event: "retry", dueAt: later });
  const { oldestDueAt, ...kinds } = await a.engine.queued();
  assert.deepEqual(kinds, { due: 3, scheduled: 1, retrying: 1, paused: 1 });
  assert.ok(oldestDueAt && oldestDueAt <= Date.now());
  for (const id of ids) await a.engine.cancel(id, "request");
  assert.deepEqual(await a.engine.queued(), { due: 0, scheduled: 0, retrying: 0, paused: 0 });
});

test("an older schema is migrated with what is queued in it", async (nodes) => {
  const a = await nodes.start("a");
  await insert(a, { owner: "ada", key: "k" }, { owner: "ada" }, {});
  await a.engine[Symbol.asyncDispose]();
  await nodes.sql(`
    DROP TABLE @.owner_tally, @.bucket, @.announcement;
    ALTER TABLE @.task DROP COLUMN key_name;
    ALTER TABLE @.task ADD COLUMN key_name text
      GENERATED ALWAYS AS (coalesce(owner, '') || '/' || key) STORED;
    CREATE INDEX task_turn ON @.task (key_name, turn) WHERE state = 0 AND key IS NOT NULL;
    DROP INDEX @.task_later, @.task_behind, @.task_paused;
    ALTER TABLE @.lane DROP COLUMN health;
    ALTER TABLE @.state DROP COLUMN folder;
    ALTER TABLE @.node DROP COLUMN folder;
    UPDATE @.meta SET version = '3.1'`);
  const again = await nodes.start("a");
  const quota = { owner: "ada", maxQueued: 2 };
  const refused = await again.engine.insert({ tasks: [aTask(again, { owner: "ada" })], quota });
  assert.equal(refused.kind, "refused");
  const [next] = await insert(again, { owner: "ada", key: "k" });
  const claimed = await claim(again);
  assert.equal(claimed.length, 3);
  for (const task of claimed) await settle(again, task);
  assert.deepEqual((await claim(again)).map(({ id }) => id), [next]);
});

test("nodes agree on the folder that the first of them has marked, until none sees it", async (nodes) => {
  const a = await nodes.start("a");
  const b = await nodes.start("b");
  const folder = (mark?: string) => ({
    mark,
    write(text: string) {
      this.mark = text;
      return Promise.resolve();
    },
  });
  const shared = folder();
  const own = folder("of another queue");
  assert.equal(await a.engine.agreeOnFolder(shared), true);
  assert.equal(await b.engine.agreeOnFolder(own), false);
  assert.equal(own.mark, "of another queue");
  assert.equal(await b.engine.agreeOnFolder(folder()), false);
  assert.equal(await b.engine.agreeOnFolder(shared), true);
  await a.engine[Symbol.asyncDispose]();
  assert.equal(await b.engine.agreeOnFolder(own), true, "no other node sees the marked folder");
  assert.notEqual(own.mark, shared.mark);
  const failing = { mark: undefined, write: () => Promise.reject(new Error("read-only")) };
  await assert.rejects(b.engine.agreeOnFolder(failing), /read-only/);
  assert.equal(await b.engine.agreeOnFolder(own), true);
});
