import assert from "node:assert/strict";
import { parseApiKeys } from "../../../src/http/auth/auth.ts";
import { Api } from "../../support/api.ts";

const KEYS = parseApiKeys("alice:a1:notify+fetch,ops:o1:operate,reader:r1:read");
const bearer = (secret: string) => ({ authorization: `Bearer ${secret}` });

Deno.test("a pause of a host is shown by tasks and /status, and ended by DELETE", async () => {
  await using api = await Api.open();
  const id = await api.accept();
  const created = await api.post("/pauses", {
    host: "Example.org",
    until: "30m",
    reason: "Maintenance",
  });
  assert.equal(created.status, 201);
  const pause = created.body;
  assert.match(pause.id, /^pau_/);
  assert.equal(created.headers.get("location"), `/pauses/${pause.id}`);
  assert.deepEqual(pause, {
    id: pause.id,
    host: "example.org",
    until: "2026-01-01T00:30:00.000Z",
    reason: "Maintenance",
    by: "anonymous",
    createdAt: "2026-01-01T00:00:00.000Z",
  });
  assert.deepEqual((await api.get("/pauses")).body, { data: [pause] });
  const { waitingFor } = (await api.get(`/tasks/${id}`)).body;
  assert.match(waitingFor, new RegExp(`pause ${pause.id} .*Maintenance`));
  const { counts, queued } = (await api.get("/status")).body;
  assert.equal(counts.queued, 1);
  assert.deepEqual(queued, {
    due: 0,
    scheduled: 0,
    retrying: 0,
    paused: 1,
    oldestDueSeconds: 0,
  });
  assert.match(
    await (await api.raw("/metrics")).text(),
    /postrider_queued_tasks\{kind="paused"\} 1\n/,
  );
  const refused = await api.post(`/tasks/${id}/run`);
  assert.deepEqual([refused.status, refused.body.code], [409, "not_retryable"]);
  assert.match(refused.body.detail, /Maintenance/);
  assert.deepEqual((await api.delete(`/pauses/${pause.id}`)).body, pause);
  assert.equal((await api.delete(`/pauses/${pause.id}`)).status, 404);
  assert.equal((await api.post(`/tasks/${id}/run`)).status, 202);
});

Deno.test("a host may be written with its international name", async () => {
  await using api = await Api.open();
  const id = await api.accept({ url: "https://bücher.test/" });
  const { body: pause } = await api.post("/pauses", { host: "Bücher.test" });
  assert.equal(pause.host, "xn--bcher-kva.test");
  assert.match((await api.get(`/tasks/${id}`)).body.waitingFor, new RegExp(pause.id));
  const found = (await api.get("/tasks?host=b%C3%BCcher.test")).body.data;
  assert.deepEqual(found.map((task: { id: string }) => task.id), [id]);
  assert.equal((await api.get("/tasks?host=https://b%C3%BCcher.test/")).status, 422);
  assert.equal((await api.post("/holds/release?host=b%C3%BCcher.test")).status, 200);
});

Deno.test("a pause names a channel of tasks", async () => {
  await using api = await Api.open();
  for (const channel of ["email", "http", "callback", "slack"]) {
    assert.equal((await api.post("/pauses", { channel })).status, 201, channel);
  }
});

Deno.test.each([
  { json: {}, pointer: "" },
  { json: { host: "a.test", type: "fetch" }, pointer: "/type" },
  { json: { all: false }, pointer: "/all" },
  { json: { type: "mail" }, pointer: "/type" },
  { json: { host: "a.test", owner: "eve" }, pointer: "/owner" },
  { json: { key: "k", until: "2020-01-01T00:00:00Z" }, pointer: "/until" },
  { json: { key: "k", until: "soon" }, pointer: "/until" },
  { json: { channel: "Slack!" }, pointer: "/channel" },
  { json: { channel: "mail" }, pointer: "/channel" },
  { json: { host: "example.org:99999" }, pointer: "/host" },
  { json: { all: true, note: "x" }, pointer: "/note" },
  { json: { host: "https://example.org/" }, pointer: "/host" },
  { json: { host: "*.example.org" }, pointer: "/host" },
])("POST /pauses with $json is refused at $pointer", async ({ json, pointer }) => {
  await using api = await Api.open();
  const { status, body } = await api.post("/pauses", json);
  assert.equal(status, 422);
  assert.equal(body.errors[0].pointer, pointer);
  assert.match(body.errors[0].detail, /^(Expected|Unknown) /);
});

Deno.test.each(["api.example.org", "localhost:587", "::1", "[::1]:8080", "https://a.test:443"])(
  "POST /pauses takes the host %s",
  async (host) => {
    await using api = await Api.open();
    assert.equal((await api.post("/pauses", { host })).status, 201);
  },
);

Deno.test("pauses and holds need the scope operate, and reading them read or operate", async () => {
  await using api = await Api.open({ keys: KEYS });
  const json = { all: true };
  for (const secret of ["a1", "r1"]) {
    assert.equal((await api.post("/pauses", json, bearer(secret))).status, 403);
    assert.equal((await api.delete("/pauses/x", bearer(secret))).status, 403);
    const path = "/holds/release?host=a.test";
    assert.equal((await api.post(path, undefined, bearer(secret))).status, 403);
  }
  const { status, body } = await api.post("/pauses", json, bearer("o1"));
  assert.deepEqual([status, body.by], [201, "ops"]);
  assert.equal((await api.get("/pauses", bearer("r1"))).body.data.length, 1);
  assert.equal((await api.get("/pauses", bearer("a1"))).status, 403);
});

Deno.test("a hold is released by hand, and until then a task cannot be run", async () => {
  await using api = await Api.open();
  await api.accept();
  await api.finish(1, {
    kind: "deferred",
    error: { code: "http_429", detail: "Slow down" },
    hold: { forMs: 3_600_000, reason: "429 with Retry-After: 3600" },
  });
  const id = await api.accept();
  const refused = await api.post(`/tasks/${id}/run`);
  assert.equal(refused.status, 409);
  assert.match(refused.body.detail, /held until .*Retry-After/);
  assert.deepEqual((await api.post("/holds/release?host=other.test")).body, { released: 0 });
  assert.deepEqual((await api.post("/holds/release?host=example.org")).body, { released: 1 });
  assert.equal((await api.post(`/tasks/${id}/run`)).status, 202);
  assert.equal((await api.post("/holds/release")).status, 422);
});
