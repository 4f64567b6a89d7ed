import assert from "node:assert/strict";
import type { Outcome } from "../../../src/task/outcome.ts";
import { Api } from "../../support/api.ts";
import { settled } from "../../support/fake_clock.ts";

const DEFERRED: Outcome = { kind: "deferred", error: { code: "http_503", detail: "Busy" } };
const REJECTED: Outcome = { kind: "rejected", error: { code: "http_404", detail: "Gone" } };

function idsOf(body: { data: { id: string }[] }): string[] {
  return body.data.map(({ id }) => id);
}

Deno.test("a task shows its attempts, its error and its result", async () => {
  await using api = await Api.open();
  const id = await api.accept({ retry: 1 });
  await api.finish(1, DEFERRED);
  const waiting = (await api.get(`/tasks/${id}`)).body;
  assert.equal(waiting.state, "queued");
  assert.deepEqual(waiting.error, { code: "http_503", detail: "Busy" });
  assert.equal(waiting.attempts.length, 1);
  await api.clock.advance(1_000);
  await api.finish(1, {
    kind: "delivered",
    result: {
      status: 200,
      url: "https://example.org/?token=s3cr3t",
      hops: [{ status: 302, url: "https://example.org/?sig=s3cr3t" }],
      headers: { "set-cookie": "s3cr3t", location: "/a?key=s3cr3t", etag: "e" },
    },
  });
  const done = (await api.get(`/tasks/${id}`)).body;
  assert.equal(done.state, "succeeded");
  assert.equal(done.delivery, "delivered");
  assert.equal(done.attempt, 2);
  assert.equal(done.finishedAt, "2026-01-01T00:00:01.000Z");
  assert.equal(done.dueAt, undefined);
  assert.deepEqual(done.attempts[0], {
    number: 1,
    outcome: "deferred",
    error: { code: "http_503", detail: "Busy" },
    startedAt: "2026-01-01T00:00:00.000Z",
    endedAt: "2026-01-01T00:00:00.000Z",
  });
  assert.deepEqual(done.result, {
    status: 200,
    url: "https://example.org/?token=***",
    hops: [{ status: 302, url: "https://example.org/?sig=***" }],
    headers: { "set-cookie": "***", location: "/a", etag: "e" },
  });
});

Deno.test("a running task shows its progress", async () => {
  const progress = { bytes: 10, totalBytes: 20, rate: 5 };
  await using api = await Api.open({ ports: { progressOf: () => progress } });
  const id = await api.accept();
  assert.equal((await api.get(`/tasks/${id}`)).body.progress, undefined);
  const [task] = await api.claim();
  assert.deepEqual((await api.get(`/tasks/${id}`)).body.progress, progress);
  await api.settle(task ?? assert.fail());
});

Deno.test.each([
  "tsk_x",
  "x",
  "bat_01kdvdna00e008e1r70w3ge1r7",
  "tsk_01kdvdna00e008e1r70w3ge1r7",
  "%00",
  "..%2f",
])(
  "there is no task %s",
  async (id) => {
    await using api = await Api.open();
    assert.equal((await api.get(`/tasks/${id}`)).status, 404);
    assert.equal((await api.delete(`/tasks/${id}`)).status, 404);
    assert.equal((await api.post(`/tasks/${id}/retry`)).status, 404);
    assert.equal((await api.post(`/tasks/${id}/run`)).status, 404);
    assert.equal((await api.get(`/batches/${id}`)).status, 404);
    assert.equal((await api.get(`/status/${id}`)).status, 404);
  },
);

Deno.test("?wait responds as soon as the task is final", async () => {
  await using api = await Api.open();
  const id = await api.accept();
  const answer = api.get(`/tasks/${id}?wait=30s`);
  await api.finish();
  assert.equal((await answer).body.state, "succeeded");
  assert.equal((await api.get(`/tasks/${id}?wait=30s`)).body.state, "succeeded");
});

Deno.test.each([{ wait: "2s", ms: 2_000 }, { wait: "2h", ms: 58_000 }, { wait: "0s", ms: 0 }])(
  "?wait=$wait responds after $ms ms when the task is not final",
  async ({ wait, ms }) => {
    await using api = await Api.open();
    const answer = api.get(`/tasks/${await api.accept()}?wait=${wait}`);
    let answered = false;
    answer.then(() => answered = true);
    if (ms > 0) await api.clock.advance(ms - 1);
    assert.equal(answered, ms === 0 && answered);
    await api.clock.advance(1);
    assert.equal((await answer).body.state, "queued");
  },
);

Deno.test("a caller that disconnects while waiting leaves no timer and no watcher", async () => {
  await using api = await Api.open();
  const id = await api.accept();
  const left = new AbortController();
  const answer = api.get(`/tasks/${id}?wait=30s`);
  const gone = api.raw(`/tasks/${id}?wait=30s`, { signal: left.signal });
  await settled();
  const waiting = api.clock.waiting;
  left.abort();
  await gone;
  assert.equal(api.clock.waiting, waiting - 1);
  await api.finish();
  await answer;
});

Deno.test.each(["?wait=soon", "?wait=", "?wait=1s&wait=2s", "?x=1"])(
  "GET /tasks/{id}%s is refused",
  async (query) => {
    await using api = await Api.open();
    assert.equal((await api.get(`/tasks/${await api.accept()}${query}`)).status, 422);
  },
);

Deno.test("a list is newest first, has pages, and omits payloads", async () => {
  await using api = await Api.open();
  const ids: string[] = [];
  for (let i = 0; i < 5; i++) ids.unshift(await api.accept({ tags: ["a"] }));
  const seen: string[] = [];
  let path = "/tasks?tag=a&limit=2";
  for (;;) {
    const { headers, body } = await api.get(path);
    seen.push(...idsOf(body));
    for (const task of body.data) {
      assert.deepEqual(["attempts", "payload", "result"].filter((name) => name in task), []);
    }
    if (!body.nextCursor) break;
    const [, next = ""] = /^<(.+)>; rel="next"$/.exec(headers.get("link") ?? "") ?? [];
    assert.equal(new URL(next, "http://x").searchParams.get("cursor"), body.nextCursor);
    path = next;
  }
  assert.deepEqual(seen, ids);
});

Deno.test.each([
  { query: "state=queued", count: 2 },
  { query: "state=queued,failed", count: 3 },
  { query: "type=notify", count: 1 },
  { query: "tag=blue", count: 1 },
  { query: "key=k1", count: 1 },
  { query: "host=EXAMPLE.org", count: 2 },
  { query: "host=https://example.org:443", count: 2 },
  { query: "reason=rejected", count: 1 },
  { query: "q=HELLO", count: 1 },
  { query: "q=ada@", count: 1 },
  { query: "state=queued&type=fetch", count: 1 },
])("?$query lists $count", async ({ query, count }) => {
  await using api = await Api.open();
  await api.accept();
  await api.finish(1, REJECTED);
  await api.accept({ tags: ["blue"], key: "k1" });
  await api.post("/notify", { to: "ada@example.org", subject: "Hello" });
  assert.equal((await api.get(`/tasks?${query}`)).body.data.length, count);
});

Deno.test.each([
  { query: "state=done", pointer: "/state" },
  { query: "state=queued,", pointer: "/state" },
  { query: "type=mail", pointer: "/type" },
  { query: "reason=toString", pointer: "/reason" },
  { query: "batch=x", pointer: "/batch" },
  { query: "parent=x", pointer: "/parent" },
  { query: "limit=0", pointer: "/limit" },
  { query: "limit=201", pointer: "/limit" },
  { query: "limit=1e1", pointer: "/limit" },
  { query: "cursor=x", pointer: "/cursor" },
  { query: "tag=", pointer: "/tag" },
  { query: "owner=", pointer: "/owner" },
  { query: "since=yesterday", pointer: "/since" },
  { query: "until=2026-02-30T00:00:00Z", pointer: "/until" },
  { query: "source=nightly", pointer: "/source" },
  { query: "tag=a&tag=b", pointer: "/tag" },
])("GET /tasks?$query is refused at $pointer", async ({ query, pointer }) => {
  await using api = await Api.open();
  const { status, body } = await api.get(`/tasks?${query}`);
  assert.equal(status, 422);
  assert.equal(body.errors[0].pointer, pointer);
});

Deno.test("DELETE cancels a queued task once", async () => {
  await using api = await Api.open();
  const id = await api.accept();
  const { status, body } = await api.delete(`/tasks/${id}`);
  assert.equal(status, 200);
  assert.equal(body.state, "cancelled");
  assert.equal(body.reason, "request");
  assert.equal((await api.delete(`/tasks/${id}`)).status, 409);
});

Deno.test("DELETE aborts a running task", async () => {
  await using api = await Api.open();
  const id = await api.accept();
  const [task] = await api.claim();
  const { status, body } = await api.delete(`/tasks/${id}`);
  assert.equal(status, 202);
  assert.equal(body.state, "running");
  await api.settle(task ?? assert.fail());
});

Deno.test("DELETE /tasks cancels all matching tasks and needs a filter", async () => {
  await using api = await Api.open();
  await api.accept({ tags: ["a"] });
  await api.accept({ tags: ["a"] });
  await api.accept();
  assert.equal((await api.delete("/tasks")).status, 422);
  assert.equal((await api.delete("/tasks?limit=1&tag=a")).status, 422);
  assert.deepEqual((await api.delete("/tasks?tag=a")).body, { cancelled: 2, aborting: 0 });
  assert.equal((await api.get("/tasks?state=queued")).body.data.length, 1);
});

Deno.test("retry queues a failed task again and counts its attempts anew", async () => {
  await using api = await Api.open();
  const id = await api.accept();
  await api.finish(1, REJECTED);
  const { status, headers, body } = await api.post(`/tasks/${id}/retry`);
  assert.equal(status, 202);
  assert.equal(headers.get("location"), `/tasks/${id}`);
  assert.equal(body.state, "queued");
  assert.equal(body.attempt, 0);
  assert.equal(body.attempts.length, 1);
  assert.equal((await api.post(`/tasks/${id}/retry`)).status, 409);
});

Deno.test("a bulk retry returns the number of tasks, also 0", async () => {
  await using api = await Api.open();
  await api.accept({ tags: ["a"] });
  await api.accept();
  await api.finish(2, REJECTED);
  const answered = await api.post("/tasks/retry?tag=a&state=failed");
  assert.equal(answered.status, 202);
  assert.deepEqual(answered.body, { retried: 1, expired: 0 });
  assert.deepEqual((await api.post("/tasks/retry?tag=a&state=failed")).body, {
    retried: 0,
    expired: 0,
  });
});

Deno.test("retry is refused while the service is shutting down", async () => {
  let accepting = true;
  await using api = await Api.open({ accepting: () => accepting });
  const id = await api.accept();
  await api.delete(`/tasks/${id}`);
  accepting = false;
  assert.equal((await api.post(`/tasks/${id}/retry`)).body.code, "shutting_down");
  assert.equal((await api.post("/tasks/retry")).body.code, "shutting_down");
  assert.equal((await api.get(`/tasks/${id}`)).status, 200);
});

Deno.test("run makes a scheduled task due, and refuses any other", async () => {
  await using api = await Api.open();
  const id = await api.accept({ delay: "1h" });
  const { status, body } = await api.post(`/tasks/${id}/run`);
  assert.equal(status, 202);
  assert.equal(body.dueAt, "2026-01-01T00:00:00.000Z");
  await api.finish();
  assert.equal((await api.post(`/tasks/${id}/run`)).body.code, "not_retryable");
});

Deno.test("HEAD is GET without the body", async () => {
  await using api = await Api.open();
  const { status, body } = await api.call("HEAD", `/tasks/${await api.accept()}`);
  assert.equal(status, 200);
  assert.equal(body, "");
});

Deno.test("all errors of a query are reported at once", async () => {
  await using api = await Api.open();
  const { status, body } = await api.get("/tasks?limit=201&foo=&state=bad");
  assert.equal(status, 422);
  assert.deepEqual(
    body.errors.map(({ pointer }: { pointer: string }) => pointer).sort(),
    ["/foo", "/limit", "/state"],
  );
});

Deno.test.each([
  { method: "DELETE", path: "/tasks/{id}?state=queued" },
  { method: "POST", path: "/tasks/{id}/run?now=1" },
  { method: "POST", path: "/tasks/{id}/retry?now=1" },
])("$method $path does nothing: its query is not known", async ({ method, path }) => {
  await using api = await Api.open();
  const id = await api.accept({ delay: "1h" });
  const { status, body } = await api.call(method, path.replace("{id}", id));
  assert.equal(status, 422);
  assert.equal(body.code, "invalid");
  const task = (await api.get(`/tasks/${id}`)).body;
  assert.deepEqual({ state: task.state, dueAt: task.dueAt }, {
    state: "queued",
    dueAt: "2026-01-01T01:00:00.000Z",
  });
});

Deno.test("HEAD has the Content-Length of GET", async () => {
  await using api = await Api.open();
  const path = `/tasks/${await api.accept()}`;
  const whole = await (await api.raw(path)).arrayBuffer();
  const head = await api.raw(path, { method: "HEAD" });
  assert.equal(head.headers.get("content-length"), `${whole.byteLength}`);
  assert.equal(await head.text(), "");
});

Deno.test("secrets are masked in the redirects of an attempt and in a JSON body without a content type", async () => {
  await using api = await Api.open();
  const id = await api.accept({ body: `{"user":"ada","password":"s3cr3t"}`, retry: 1 });
  const hops = [{ status: 302, url: "https://example.org/?token=s3cr3t" }];
  await api.finish(1, { ...DEFERRED, evidence: { hops } });
  const { attempts, payload } = (await api.get(`/tasks/${id}`)).body;
  assert.deepEqual(attempts[0].evidence.hops, [{
    status: 302,
    url: "https://example.org/?token=***",
  }]);
  assert.equal(payload.body, `{"user":"ada","password":"***"}`);
});

Deno.test("a change of many tasks reports its progress to callers that accept NDJSON", async () => {
  await using api = await Api.open();
  for (let i = 0; i < 3; i++) await api.accept({ delay: "1h", tags: ["x"] });
  const headers = { accept: "application/x-ndjson" };
  const cancelled = await api.raw("/tasks?tags=x", { method: "DELETE", headers });
  assert.equal(cancelled.status, 200);
  assert.equal(cancelled.headers.get("content-type"), "application/x-ndjson");
  const lines = (await cancelled.text()).trim().split("\n").map((line) => JSON.parse(line));
  const at = new Date(api.clock.now()).toISOString();
  assert.deepEqual(lines, [
    { changed: 3, startedAt: at, at },
    { cancelled: 3, aborting: 0 },
  ]);
  const retried = await api.raw("/tasks/retry?finishedSince=1h", { method: "POST", headers });
  assert.match(await retried.text(), /\{"changed":3,.*\}\n\{"retried":3,"expired":0\}\n$/);
  for (
    const accept of [
      "application/x-ndjson;q=0, */*",
      "application/json, application/x-ndjson;q=0.1",
    ]
  ) {
    const plain = await api.raw("/tasks?tags=x", { method: "DELETE", headers: { accept } });
    assert.equal(plain.headers.get("content-type"), "application/json");
    await plain.body?.cancel();
  }
  const refused = await api.raw("/tasks", { method: "DELETE", headers });
  assert.equal(refused.status, 422);
  await refused.body?.cancel();
});

Deno.test("a count ends when its caller leaves", async () => {
  const caller = new AbortController();
  let parts = 0;
  await using api = await Api.open({
    engine: (memory) =>
      Object.assign(memory, {
        count() {
          if (++parts === 3) caller.abort();
          return Promise.resolve(parts < 9 ? { count: 1, nextCursor: "more" } : { count: 1 });
        },
      }),
  });
  const response = await api.raw("/tasks/count", { signal: caller.signal });
  assert.deepEqual(await response.json(), { count: 3, complete: false });
});

Deno.test("tasks are counted, and those that are not due are listed by their time", async () => {
  await using api = await Api.open();
  const later = await api.accept({ delay: "2h", tags: ["a", "b"] });
  const sooner = await api.accept({ delay: "1h", tags: ["a"] });
  await api.accept({ tags: ["a"] });
  assert.deepEqual((await api.get("/tasks/count?tag=a")).body, { count: 3, complete: true });
  assert.deepEqual((await api.get("/tasks/count?tags=a,b")).body, { count: 1, complete: true });
  assert.equal((await api.get("/tasks/count?limit=1")).status, 422);
  const first = (await api.get("/tasks?sort=due&limit=1")).body;
  assert.deepEqual(first.data.map(({ id }: { id: string }) => id), [sooner]);
  const second = (await api.get(`/tasks?sort=due&limit=1&cursor=${first.nextCursor}`)).body;
  assert.deepEqual(second.data.map(({ id }: { id: string }) => id), [later]);
  for (const query of ["sort=name", "sort=due&format=csv", "sort=due&cursor=nonsense"]) {
    assert.equal((await api.get(`/tasks?${query}`)).status, 422, query);
  }
});
