import assert from "node:assert/strict";
import { parseApiKeys } from "../../src/http/auth/auth.ts";
import { PROBLEMS } from "../../src/http/problems.ts";
import { EngineError, type Inserted, type QueueEngine } from "../../src/queue/engine.ts";
import { openServer } from "../../src/http/server.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { silentLog } from "../support/silent_log.ts";
import { type Answered, Api } from "../support/api.ts";
import { rawRequest } from "../support/raw_http.ts";
import { settled } from "../support/fake_clock.ts";

const AT_LOOPBACK = { hostname: "127.0.0.1", port: 0, clock: systemClock, log: silentLog };
const GET = { url: "https://example.org/" };

/** The queue in memory, one of its methods replaced. */
function broken(methods: Partial<QueueEngine>) {
  return (memory: QueueEngine): QueueEngine =>
    new Proxy(memory, {
      get(target, name) {
        if (Object.hasOwn(methods, name)) return Reflect.get(methods, name);
        const value = Reflect.get(target, name, target);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
}

const cases: Record<keyof typeof PROBLEMS, () => Promise<Answered>> = {
  async bad_request() {
    const server = openServer(() => new Response(), AT_LOOPBACK);
    const { status, headers, body } = await rawRequest(server.port, "GET / HTTP/1.1", "Host: a b");
    await server.close(5_000);
    return { status, headers, body: JSON.parse(body) };
  },
  async malformed_json() {
    await using api = await Api.open();
    return await api.call("POST", "/fetch", {
      body: '{"url": }',
      headers: { "content-type": "application/json" },
    });
  },
  async unauthorized() {
    await using api = await Api.open({ keys: parseApiKeys("a:s"), anonymous: "refused" });
    return await api.post("/fetch", GET);
  },
  async forbidden() {
    await using api = await Api.open({ keys: parseApiKeys("a:s:read"), anonymous: "refused" });
    return await api.post("/fetch", GET, { authorization: "Bearer s" });
  },
  async not_found() {
    await using api = await Api.open();
    return await api.get("/nothing");
  },
  async method_not_allowed() {
    await using api = await Api.open();
    return await api.get("/notify");
  },
  async idempotency_in_progress() {
    const gate = Promise.withResolvers<Inserted>();
    await using api = await Api.open({ engine: broken({ insert: () => gate.promise }) });
    const first = api.post("/fetch", GET, { "idempotency-key": "k" });
    await settled();
    const asked = api.post("/fetch", GET, { "idempotency-key": "k" });
    await settled();
    await api.clock.advance(5_000);
    const second = await asked;
    gate.resolve({ kind: "stored" });
    assert.equal((await first).status, 202);
    return second;
  },
  async not_cancellable() {
    await using api = await Api.open();
    const id = await api.accept();
    await api.finish();
    return await api.delete(`/tasks/${id}`);
  },
  async not_supported() {
    await using api = await Api.open();
    return await api.post("/admin/backup");
  },
  async not_retryable() {
    await using api = await Api.open();
    return await api.post(`/tasks/${await api.accept()}/retry`);
  },
  async not_final() {
    await using api = await Api.open();
    return await api.delete(`/tasks/${await api.accept()}?erase=true`);
  },
  async too_large() {
    await using api = await Api.open();
    return await api.post("/fetch", { ...GET, body: "x".repeat(2 ** 20) });
  },
  async unsupported_media_type() {
    await using api = await Api.open();
    return await api.call("POST", "/fetch", { body: "a=1" });
  },
  async range_not_satisfiable() {
    await using api = await Api.open();
    const id = await api.accept();
    await api.finish(1, { kind: "delivered", result: { body: "hello", truncated: false } });
    return await api.get(`/tasks/${id}/body`, { range: "bytes=5-" });
  },
  async invalid() {
    await using api = await Api.open();
    return await api.post("/fetch", { ...GET, priority: 10, unknown: 1 });
  },
  async address_refused() {
    await using api = await Api.open();
    return await api.post("/fetch", { url: "ftp://example.org/" });
  },
  async idempotency_conflict() {
    await using api = await Api.open();
    await api.post("/fetch", GET, { "idempotency-key": "k" });
    return await api.post("/fetch", { ...GET, priority: 1 }, { "idempotency-key": "k" });
  },
  async rate_limited() {
    await using api = await Api.open({ rate: { count: 1, windowMs: 60_000 } });
    await api.post("/fetch", GET);
    return await api.post("/fetch", GET);
  },
  async internal() {
    const list = () => Promise.reject(new TypeError("the password is hunter2"));
    await using api = await Api.open({ engine: broken({ list }) });
    const answered = await api.get("/tasks");
    assert.equal(api.errors.length, 1);
    assert.match(JSON.stringify(api.errors), new RegExp(answered.body.requestId));
    return answered;
  },
  async queue_full() {
    await using api = await Api.open({ maxQueued: 1 });
    return await api.post("/fetch", { urls: [GET.url, GET.url] });
  },
  async shutting_down() {
    await using api = await Api.open({ accepting: () => false });
    return await api.post("/fetch", GET);
  },
  async engine_down() {
    const insert = () => Promise.reject(new EngineError("the file /secret is gone"));
    await using api = await Api.open({ engine: broken({ insert }) });
    return await api.post("/fetch", GET);
  },
  async storage_full() {
    const insert = () => Promise.resolve({ kind: "refused", code: "storage_full" } as const);
    await using api = await Api.open({ engine: broken({ insert }) });
    return await api.post("/fetch", GET);
  },
};

Deno.test.each(Object.entries(cases))(
  "%s is a problem document (RFC 9457)",
  async (code, provoke) => {
    const { status, headers, body } = await provoke();
    const [expected, title] = PROBLEMS[code as keyof typeof PROBLEMS];
    assert.equal(headers.get("content-type"), "application/problem+json");
    assert.equal(headers.get("x-request-id"), body.requestId);
    const { detail, errors: _, task: __, ...rest } = body;
    assert.ok(detail);
    assert.deepEqual(rest, {
      type: `urn:postrider:problem:${code}`,
      title,
      status: expected,
      code,
      requestId: body.requestId,
    });
    assert.equal(status, expected);
    assert.doesNotMatch(JSON.stringify(body), /hunter2|\/secret/);
    if (status === 503 || status === 429) assert.match(headers.get("retry-after") ?? "", /^\d+$/);
    if (status === 401) assert.equal(headers.get("www-authenticate"), "Bearer");
  },
);

Deno.test("nothing is stored when a field is invalid, and each invalid field is named", async () => {
  await using api = await Api.open();
  const { body } = await api.post("/fetch", { urls: [GET.url, "x"], timeout: "1ms" });
  assert.deepEqual(body.errors.map(({ pointer }: { pointer: string }) => pointer), [
    "/timeout",
    "/urls/1",
  ]);
  assert.match(body.detail, /^\/timeout: .* \(and 1 more\)$/);
  assert.deepEqual((await api.get("/tasks")).body.data, []);
});

Deno.test("nothing of a batch is stored when the queue has no room for all of it", async () => {
  await using api = await Api.open({ maxQueued: 2 });
  await api.accept();
  assert.equal((await api.post("/fetch", { urls: [GET.url, GET.url] })).status, 503);
  assert.equal((await api.get("/tasks")).body.data.length, 1);
});

Deno.test("a 409 contains the task", async () => {
  assert.equal((await cases.not_cancellable()).body.task.state, "succeeded");
  assert.equal((await cases.not_retryable()).body.task.state, "queued");
});

Deno.test.each([
  { method: "GET", path: "/notify", allow: "POST" },
  { method: "PUT", path: "/tasks", allow: "GET, HEAD, DELETE" },
  { method: "POST", path: "/tasks/x", allow: "GET, HEAD, DELETE" },
  { method: "PATCH", path: "/tasks/x/retry", allow: "POST" },
  { method: "OPTIONS", path: "/status", allow: "GET, HEAD" },
])("$method $path is answered with Allow: $allow", async ({ method, path, allow }) => {
  await using api = await Api.open();
  const { status, headers } = await api.call(method, path);
  assert.equal(status, 405);
  assert.equal(headers.get("allow"), allow);
});

Deno.test.each(["/nothing", "/tasks/", "/tasks/x/events/y", "/nothing/x"])(
  "%s is not found",
  async (path) => {
    await using api = await Api.open();
    assert.equal((await api.get(path)).body.code, "not_found");
  },
);

Deno.test.each(["/notify?x=1", "/fetch?x=1"])(
  "%s is refused as an unknown parameter",
  async (path) => {
    await using api = await Api.open();
    const { status, body } = await api.post(path, { ...GET });
    assert.equal(status, 422);
    assert.match(body.errors[0].pointer, /^\/x$/);
    assert.deepEqual((await api.get("/tasks")).body.data, []);
  },
);

Deno.test.each(["", '"', "a b", "é", "x".repeat(256)])(
  "the Idempotency-Key %j is refused",
  async (key) => {
    await using api = await Api.open();
    const { status, body } = await api.post("/fetch", GET, { "idempotency-key": key });
    assert.equal(status, 422);
    assert.match(body.detail, /Idempotency-Key/);
  },
);

Deno.test("requests while the queue is unavailable are one log line a second, with their number", async () => {
  const insert = () => Promise.reject(new EngineError("The file is gone"));
  await using api = await Api.open({ engine: broken({ insert }) });
  for (let n = 0; n < 20; n++) {
    assert.equal((await api.post("/fetch", GET)).body.code, "engine_down");
  }
  assert.equal(api.errors.length, 1);
  await api.clock.advance(1_000);
  assert.equal(api.errors.length, 2);
  const { message, fields } = api.errors[1] as { message: string; fields: Record<string, unknown> };
  assert.deepEqual([message, fields.count], ["Queue engine failed", 19]);
  assert.equal((fields.ids as string[]).length, 19);
});
