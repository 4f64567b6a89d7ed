import assert from "node:assert/strict";
import { parseApiKeys } from "../../../src/http/auth/auth.ts";
import { Api } from "../../support/api.ts";

const NIGHTLY = {
  cron: "0 3 * * *",
  timezone: "Europe/Vienna",
  fetch: { url: "https://example.org/?token=hush", headers: { authorization: "Bearer hush" } },
};
const bearer = (key: string) => ({ authorization: `Bearer ${key}` });
const put = (api: Api, json: unknown = NIGHTLY, headers = {}) =>
  api.call("PUT", "/schedules/nightly", { json, headers });

Deno.test("a schedule is created, read, changed and deleted, and shows no secret", async () => {
  await using api = await Api.open();
  const created = await put(api);
  assert.deepEqual([created.status, created.headers.get("location")], [201, "/schedules/nightly"]);
  assert.equal(created.body.nextAt, "2026-01-01T02:00:00.000Z");
  assert.equal(created.body.label, "GET https://example.org/?token=***");
  assert.ok(!JSON.stringify(created.body).includes("hush"));
  const changed = await put(api, { every: "1h", fetch: NIGHTLY.fetch });
  assert.deepEqual({ status: changed.status, every: changed.body.every, cron: changed.body.cron }, {
    status: 200,
    every: "1h",
    cron: undefined,
  });
  assert.equal((await api.get("/schedules")).body.data.length, 1);
  assert.equal((await api.delete("/schedules/nightly")).status, 204);
  assert.equal((await api.get("/schedules/nightly")).status, 404);
});

Deno.test("POST run makes an extra run", async () => {
  await using api = await Api.open();
  await put(api);
  const { status, headers, body } = await api.post("/schedules/nightly/run");
  assert.deepEqual([status, headers.get("location")], [202, `/tasks/${body.lastId}`]);
  assert.equal(body.nextAt, "2026-01-01T02:00:00.000Z");
  assert.equal((await api.get(`/tasks/${body.lastId}`)).body.state, "queued");
});

Deno.test("a paused schedule runs nothing, and the runs left out are not missed", async () => {
  await using api = await Api.open();
  await api.schedules.start();
  await put(api, { every: "10m", missed: "once", fetch: NIGHTLY.fetch });
  const paused = await api.post("/schedules/nightly/pause");
  assert.deepEqual({ paused: paused.body.paused, nextAt: paused.body.nextAt }, {
    paused: true,
    nextAt: undefined,
  });
  await api.clock.advance(25 * 60_000);
  const resumed = await api.post("/schedules/nightly/resume");
  assert.equal(resumed.body.nextAt, "2026-01-01T00:30:00.000Z");
  assert.equal((await api.engine.counts()).queued, 0);
  await api.clock.advance(5 * 60_000);
  assert.equal((await api.engine.counts()).queued, 1);
});

Deno.test.each([
  { json: { ...NIGHTLY, cron: "often" }, pointer: "/cron" },
  { json: { ...NIGHTLY, cron: "0 0 30 2 *" }, pointer: "/cron" },
  { json: { ...NIGHTLY, cron: "0 0 0 1 1 * 2099" }, pointer: "/cron" },
  { json: { ...NIGHTLY, fetch: { url: "x" } }, pointer: "/fetch/url" },
  { json: { ...NIGHTLY, fetch: { url: "https://example.org/", urll: 1 } }, pointer: "/fetch/urll" },
])("a wrong schedule is refused at $pointer", async ({ json, pointer }) => {
  await using api = await Api.open();
  const { status, body } = await put(api, json);
  assert.deepEqual({ status, pointer: body.errors[0].pointer }, { status: 422, pointer });
  assert.deepEqual((await api.get("/schedules")).body.data, []);
});

Deno.test("a schedule belongs to the key that created it", async () => {
  await using api = await Api.open({
    keys: parseApiKeys("one:s1:fetch,two:s2:fetch,ops:s3:read+operate"),
  });
  assert.equal((await put(api, NIGHTLY, bearer("s1"))).body.owner, "one");
  assert.equal((await put(api, NIGHTLY, bearer("s2"))).status, 404);
  assert.equal((await api.get("/schedules/nightly", bearer("s2"))).status, 404);
  assert.deepEqual((await api.get("/schedules", bearer("s2"))).body.data, []);
  assert.equal((await api.post("/schedules/nightly/run", undefined, bearer("s2"))).status, 404);
  assert.equal((await api.post("/schedules/nightly/pause", undefined, bearer("s3"))).status, 200);
  const mail = { every: "1h", notify: { to: "ada@example.org", text: "x" } };
  assert.equal((await put(api, mail, bearer("s1"))).status, 403);
});

Deno.test("a key with operate alone changes a schedule without seeing its content", async () => {
  await using api = await Api.open({ keys: parseApiKeys("one:s1:fetch,ops:s3:operate") });
  await put(api, NIGHTLY, bearer("s1"));
  assert.equal((await api.get("/schedules/nightly", bearer("s3"))).status, 404);
  const paused = await api.post("/schedules/nightly/pause", undefined, bearer("s3"));
  assert.deepEqual([paused.status, paused.body.paused], [200, true]);
  assert.equal(paused.body.label, undefined);
  assert.equal((await api.post("/schedules/nightly/run", undefined, bearer("s3"))).status, 202);
  assert.equal((await api.delete("/schedules/nightly", bearer("s3"))).status, 204);
});

Deno.test("a schedule whose time to expire comes before its first run is refused", async () => {
  await using api = await Api.open();
  const fetch = (expires: string) => ({ fetch: { url: "https://example.org/", expires } });
  const late = await put(api, { every: "1h", ...fetch("2026-01-01T00:59:00Z") });
  assert.deepEqual([late.status, late.body.errors[0].pointer], [422, "/fetch/expires"]);
  assert.match(late.body.detail, /At the first run, 2026-01-01T01:00:00.000Z: /);
  for (const expires of ["2026-01-01T01:01:00Z", "10m"]) {
    assert.equal((await put(api, { every: "1h", ...fetch(expires) })).status < 300, true);
  }
});

Deno.test("an identical PUT changes nothing, and a changed body keeps the rhythm", async () => {
  await using api = await Api.open();
  await api.schedules.start();
  const body = { every: "6s", overlap: "allow", fetch: { url: "https://example.org/" } };
  for (let second = 0; second < 30; second++) {
    const changed = second < 15 ? body : { ...body, fetch: { ...body.fetch, priority: 3 } };
    assert.equal((await put(api, changed)).status, second === 0 ? 201 : 200);
    await api.clock.advance(1_000);
  }
  assert.equal((await api.engine.counts()).queued, 5);
  assert.equal((await put(api, { ...body, every: "7s" })).body.nextAt, "2026-01-01T00:00:37.000Z");
});

Deno.test("a schedule shows its next five times and its last runs with their states", async () => {
  await using api = await Api.open();
  await api.schedules.start();
  await put(api, { every: "1h", overlap: "allow", fetch: { url: "https://example.org/" } });
  const created = await api.get("/schedules/nightly");
  assert.deepEqual(created.body.lastRuns, []);
  assert.deepEqual(
    created.body.nextTimes,
    [1, 2, 3, 4, 5].map((hour) => `2026-01-01T0${hour}:00:00.000Z`),
  );
  await api.clock.advance(3_600_000);
  await api.finish(1);
  await put(api, { every: "1h", overlap: "allow", fetch: { urls: ["https://example.org/"] } });
  await api.clock.advance(3_600_000);
  const { body } = await api.get("/schedules/nightly");
  assert.deepEqual(
    body.lastRuns.map(({ at, state }: { at: string; state: string }) => [at, state]),
    [["2026-01-01T02:00:00.000Z", "queued"], ["2026-01-01T01:00:00.000Z", "succeeded"]],
  );
  assert.match(body.lastRuns[0].id, /^bat_/);
  assert.equal((await api.get(`/tasks/${body.lastRuns[1].id}`)).status, 200);
  const paused = await api.post("/schedules/nightly/pause");
  assert.deepEqual(paused.body.nextTimes, []);
});

Deno.test("an API key can create at most 200 schedules, also at the same time", async () => {
  await using api = await Api.open({ keys: parseApiKeys("one:s1,two:s2") });
  const create = (name: string, key: string) =>
    api.call("PUT", `/schedules/${name}`, { json: NIGHTLY, headers: bearer(key) });
  const names = Array.from({ length: 210 }, (_, index) => `s${index}`);
  const statuses = (await Promise.all(names.map((name) => create(name, "s1")))).map((one) =>
    one.status
  );
  assert.equal(statuses.filter((status) => status === 201).length, 200);
  assert.equal(statuses.filter((status) => status === 422).length, 10);
  assert.equal((await create("s0", "s1")).status, 200);
  assert.equal((await create("other", "s2")).status, 201);
  await api.delete("/schedules/s0", bearer("s1"));
  assert.equal((await create("new", "s1")).status, 201);
});

Deno.test("GET /schedules answers whatever is stored", async () => {
  await using api = await Api.open();
  const spec = { cron: "0 0 0 1 1 * 2020", overlap: "skip", missed: "once", type: "fetch" };
  const records = [
    { spec: { ...spec, body: {} }, source: "api", createdAt: 0, nextAt: null, runs: 0, skipped: 0 },
    { spec: { ...spec, everyMs: null, body: null }, nextAt: 1e300, lastAt: null, runs: null },
    {},
    null,
    7,
  ];
  for (const [index, record] of records.entries()) {
    await api.engine.insert({ tasks: [], schedule: { name: `s${index}`, expects: 0, record } });
  }
  await api.schedules.start();
  const { status, body } = await api.get("/schedules");
  assert.equal(status, 200);
  assert.deepEqual(body.data.map(({ over }: { over: boolean }) => over), records.map(() => true));
  assert.equal((await api.raw("/ui/schedules")).status, 200);
  for (const index of records.keys()) {
    assert.equal((await api.get(`/schedules/s${index}`)).status, 200, `${index}`);
    assert.equal((await api.post(`/schedules/s${index}/pause`)).status, 200);
    assert.equal((await api.post(`/schedules/s${index}/resume`)).status, 200);
  }
});

Deno.test("the JSON of a scheduled request is sent as it was written", async () => {
  await using api = await Api.open();
  const text = '{"every": "1h", "fetch": {"url": "https://example.org/", "method": "POST", ' +
    '"json": {"id": 12345678901234567891, "rate": 1.50}}}';
  const headers = { "content-type": "application/json" };
  await api.call("PUT", "/schedules/nightly", { body: text, headers });
  const { version } = api.schedules.find("nightly")!;
  await api.call("PUT", "/schedules/nightly", { body: text, headers });
  assert.equal(api.schedules.find("nightly")!.version, version);
  const { body } = await api.post("/schedules/nightly/run");
  const task = await api.engine.find(body.lastId);
  assert.equal(JSON.parse(task?.payload ?? "").body, '{"id": 12345678901234567891, "rate": 1.50}');
});

Deno.test("the runs of a schedule are counted from 0 on", async () => {
  await using api = await Api.open();
  await api.schedules.start();
  const runs = async () => {
    const text = await (await api.raw("/metrics")).text();
    return [...text.matchAll(/^postrider_schedule_runs_total(.*)$/gm)].map(([, rest]) => rest);
  };
  await put(api, { every: "1h", fetch: NIGHTLY.fetch });
  const series = (result: string, count: number) =>
    `{schedule="nightly",result="${result}"} ${count}`;
  assert.deepEqual(await runs(), [
    series("created", 0),
    series("skipped", 0),
    series("failed", 0),
  ]);
  await api.clock.advance(2 * 3_600_000);
  await api.post("/schedules/nightly/run");
  assert.deepEqual(await runs(), [
    series("created", 2),
    series("skipped", 1),
    series("failed", 0),
  ]);
});

Deno.test("the tasks of a schedule carry it as their source, and are found by it", async () => {
  await using api = await Api.open();
  await put(api);
  const { body: { lastId } } = await api.post("/schedules/nightly/run");
  await api.accept();
  assert.equal((await api.get(`/tasks/${lastId}`)).body.source, "schedule:nightly");
  const { data } = (await api.get("/tasks?source=schedule:nightly")).body;
  assert.deepEqual(data.map(({ id }: { id: string }) => id), [lastId]);
  const page = await (await api.raw("/ui/schedules")).text();
  const [, href = ""] = /href="(\/ui\/tasks\?source=schedule%3Anightly)"/.exec(page) ?? [];
  const list = await (await api.raw(href)).text();
  assert.equal(list.match(/value="tsk_/g)?.length, 1);
});

Deno.test("a part of a schedule is changed, and its secrets stay", async () => {
  await using api = await Api.open();
  const fetch = { url: "https://example.org/?token=s3cret", tags: ["a"], priority: 3 };
  const definition = { cron: "0 3 * * *", timezone: "Europe/Vienna", fetch };
  await api.call("PUT", "/schedules/s", { json: definition });
  const patch = { cron: "30 8 * * 1-5", fetch: { priority: null, tags: ["b"] } };
  const tried = await api.call("PATCH", "/schedules/s?dryRun=true", { json: patch });
  assert.equal(tried.body.description, "At 08:30, Monday through Friday");
  assert.equal(tried.body.nextTimes.length, 5);
  assert.equal(api.schedules.find("s")?.record.spec.cron, "0 3 * * *");
  const { status, body } = await api.call("PATCH", "/schedules/s", { json: patch });
  assert.equal(status, 200);
  assert.equal(body.timezone, "Europe/Vienna");
  const { spec } = api.schedules.find("s")!.record;
  assert.deepEqual(JSON.parse(spec.body), { url: fetch.url, tags: ["b"] });
  const every = { cron: null, timezone: null, every: "1h" };
  assert.equal((await api.call("PATCH", "/schedules/s", { json: every })).body.every, "1h");
  for (
    const [json, pointer] of [
      [{ fetch: { url: "https://example.org/?token=***" } }, "/fetch/url"],
      [{ cron: "0 3 * * *" }, "/every"],
      [[1], ""],
    ] as const
  ) {
    const refused = await api.call("PATCH", "/schedules/s", { json });
    assert.equal(refused.status, 422, JSON.stringify(json));
    assert.equal(refused.body.errors[0].pointer, pointer);
  }
  assert.equal((await api.call("PATCH", "/schedules/none", { json: {} })).status, 404);
});

Deno.test("a schedule is tried without being stored", async () => {
  await using api = await Api.open();
  const json = { every: "1h", fetch: { url: "https://example.org/" } };
  const { status, body } = await api.call("PUT", "/schedules/s?dryRun=true", { json });
  assert.equal(status, 200);
  assert.equal(body.nextTimes.length, 5);
  assert.equal(api.schedules.find("s"), undefined);
});
