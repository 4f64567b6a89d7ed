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
  assert.deepEqual([changed.status, changed.body.every, changed.body.cron], [200, "1h", undefined]);
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
  assert.deepEqual([paused.body.paused, paused.body.nextAt], [true, undefined]);
  await api.clock.advance(25 * 60_000);
  const resumed = await api.post("/schedules/nightly/resume");
  assert.equal(resumed.body.nextAt, "2026-01-01T00:30:00.000Z");
  assert.equal((await api.engine.counts()).queued, 0);
  await api.clock.advance(5 * 60_000);
  assert.equal((await api.engine.counts()).queued, 1);
});

Deno.test.each([
  { json: { ...NIGHTLY, cron: "often" }, pointer: "/cron" },
  { json: { ...NIGHTLY, fetch: { url: "x" } }, pointer: "/fetch/url" },
  { json: { ...NIGHTLY, fetch: { url: "https://example.org/", urll: 1 } }, pointer: "/fetch/urll" },
])("a wrong schedule is refused at $pointer", async ({ json, pointer }) => {
  await using api = await Api.open();
  const { status, body } = await put(api, json);
  assert.deepEqual([status, body.errors[0].pointer], [422, pointer]);
  assert.deepEqual((await api.get("/schedules")).body.data, []);
});

Deno.test("a schedule belongs to the key that created it", async () => {
  await using api = await Api.open({
    keys: parseApiKeys("one:s1:fetch,two:s2:fetch,ops:s3:read+operate"),
  });
  assert.equal((await put(api, NIGHTLY, bearer("s1"))).body.owner, "one");
  assert.equal((await put(api, NIGHTLY, bearer("s2"))).status, 403);
  assert.equal((await api.get("/schedules/nightly", bearer("s2"))).status, 404);
  assert.deepEqual((await api.get("/schedules", bearer("s2"))).body.data, []);
  assert.equal((await api.post("/schedules/nightly/run", undefined, bearer("s2"))).status, 404);
  assert.equal((await api.post("/schedules/nightly/pause", undefined, bearer("s3"))).status, 200);
  const mail = { every: "1h", notify: { to: "ada@example.org", text: "x" } };
  assert.equal((await put(api, mail, bearer("s1"))).status, 403);
});
