import assert from "node:assert/strict";
import { parseApiKeys } from "../../../src/http/auth/auth.ts";
import { Api } from "../../support/api.ts";

const KEYS = parseApiKeys("alice:a1,bob:b1:fetch,ops:o1:notify+operate+read");
const bearer = (secret: string) => ({ authorization: `Bearer ${secret}` });
const GET = { url: "https://example.org/" };

Deno.test("POST /tasks/retry needs a filter or all=true, and takes no body", async () => {
  await using api = await Api.open();
  assert.equal((await api.post("/tasks/retry")).status, 422);
  assert.equal((await api.post("/tasks/retry?all=yes")).status, 422);
  assert.equal((await api.post("/tasks/retry", { reason: "shutdown" })).status, 422);
  assert.equal((await api.post("/tasks/retry?all=true", { reason: "shutdown" })).status, 422);
  const { status, body } = await api.post("/tasks/retry?all=true");
  assert.deepEqual([status, body], [202, { retried: 0, expired: 0 }]);
  assert.deepEqual((await api.delete("/tasks?all=true")).body, { cancelled: 0, aborting: 0 });
  assert.equal((await api.delete("/tasks")).status, 422);
});

Deno.test.each([
  { method: "POST", path: "/tasks/{task}/retry" },
  { method: "POST", path: "/tasks/{task}/run" },
  { method: "DELETE", path: "/tasks/{task}" },
  { method: "DELETE", path: "/tasks?all=true" },
  { method: "DELETE", path: "/batches/{batch}" },
  { method: "DELETE", path: "/pauses/pau_1" },
  { method: "POST", path: "/holds/release?host=example.org" },
  { method: "POST", path: "/schedules/nightly/run" },
  { method: "POST", path: "/schedules/nightly/pause" },
  { method: "POST", path: "/schedules/nightly/resume" },
  { method: "DELETE", path: "/schedules/nightly" },
  { method: "POST", path: "/hooks/gh/deliveries/del_1/replay" },
  { method: "POST", path: "/admin/reload" },
  { method: "POST", path: "/admin/backup" },
])("$method $path refuses a body, whose fields it would ignore", async ({ method, path }) => {
  await using api = await Api.open();
  const { body: batch } = await api.post("/fetch", { requests: [GET] });
  await api.call("PUT", "/schedules/nightly", { json: { every: "1d", fetch: GET } });
  const place = path.replace("{task}", batch.tasks[0].id).replace("{batch}", batch.id);
  const { status, body } = await api.call(method, place, { json: { delay: "1h" } });
  assert.deepEqual([status, body.errors?.[0].pointer], [422, ""]);
  assert.match(body.detail, /^Expected no body/);
  const empty = await api.call(method, place, { json: {} });
  assert.doesNotMatch(`${empty.body?.detail}`, /^Expected no body/);
});

Deno.test("a key that can only read may not cancel or retry by filter", async () => {
  const keys = parseApiKeys("reader:r1:read,alice:a1:notify");
  await using api = await Api.open({ keys });
  for (const [secret, status] of [["r1", 403], ["a1", 200]] as const) {
    assert.equal((await api.delete("/tasks?all=true", bearer(secret))).status, status);
  }
  assert.equal((await api.post("/tasks/retry?all=true", undefined, bearer("r1"))).status, 403);
});

Deno.test("a retry takes no more room than the quota of its key leaves", async () => {
  const keyLimits = () => new Map([["alice", { maxQueued: 2 }]]);
  await using api = await Api.open({ keys: KEYS, keyLimits });
  const ids = [await api.accept({}, bearer("a1")), await api.accept({}, bearer("a1"))];
  await api.delete("/tasks?all=true", bearer("a1"));
  await api.accept({}, bearer("a1"));
  const retryAll = () => api.post("/tasks/retry?all=true", undefined, bearer("a1"));
  const { status, body } = await retryAll();
  assert.deepEqual([status, body], [202, { retried: 1, expired: 0, refused: 1 }]);
  const refused = await retryAll();
  assert.deepEqual([refused.status, refused.body.code], [503, "queue_full"]);
  const states = await Promise.all(
    ids.map(async (id) => (await api.get(`/tasks/${id}`, bearer("a1"))).body.state),
  );
  const left = ids[states.indexOf("cancelled")];
  const one = await api.post(`/tasks/${left}/retry`, undefined, bearer("a1"));
  assert.deepEqual([one.status, one.body.code], [503, "queue_full"]);
  // The quota is that of the task's key, also when an operator retries it.
  const operator = bearer("o1");
  const other = await api.post(`/tasks/${left}/retry`, undefined, operator);
  assert.deepEqual([other.status, other.body.code], [503, "queue_full"]);
  assert.equal((await api.post("/tasks/retry?all=true", undefined, operator)).status, 503);
});

Deno.test("tasks are filtered by time, source and owner, and show who cancelled them", async () => {
  await using api = await Api.open({ keys: KEYS });
  const id = await api.accept({}, bearer("a1"));
  await api.clock.advance(3_600_000);
  const late = await api.accept({}, bearer("b1"));
  const found = async (query: string, secret = "o1") => {
    const { body } = await api.get(`/tasks?${query}`, bearer(secret));
    return body.data.map((task: { id: string }) => task.id);
  };
  assert.deepEqual(await found("since=30m"), [late]);
  assert.deepEqual(await found("until=30m"), [id]);
  assert.deepEqual(await found("since=2026-01-01T00:00:00Z&until=2026-01-01T00:30:00Z"), [id]);
  assert.deepEqual(await found("source=api"), [late, id]);
  assert.deepEqual(await found("source=schedule:nightly"), []);
  assert.deepEqual(await found("owner=bob"), [late]);
  assert.deepEqual(await found("owner=alice", "b1"), []);
  await api.delete(`/tasks/${id}`, bearer("o1"));
  const { cancelledBy, label, host, source } = (await api.get(`/tasks/${id}`, bearer("a1"))).body;
  assert.deepEqual({ cancelledBy, label, host, source }, {
    cancelledBy: "ops",
    label: "GET https://example.org/",
    host: "example.org",
    source: "api",
  });
});

Deno.test("the same digest of two API keys is two, and so is the same key", async () => {
  await using api = await Api.open({ keys: KEYS });
  const digest = { key: "builds", window: "10s" };
  const mail = { to: "ada@example.org", subject: "s", text: "t", digest };
  await api.post("/notify", mail, bearer("a1"));
  await api.post("/notify", mail, bearer("a1"));
  await api.post("/notify", mail, bearer("o1"));
  await api.clock.advance(10_000);
  const lanes = (await api.claim(9)).map(({ lane }) => lane);
  assert.deepEqual([lanes.length, new Set(lanes).size], [3, 2]);
  for (const secret of ["a1", "b1", "a1"]) {
    await api.post("/fetch", { ...GET, key: "k" }, bearer(secret));
  }
  assert.equal((await api.claim(9)).length, 2);
});

Deno.test("GET /batches lists batches page by page, to a caller without read only its own", async () => {
  await using api = await Api.open({ keys: KEYS });
  const submit = async (secret: string) =>
    (await api.post("/fetch", { requests: [GET, GET] }, bearer(secret))).body.id;
  const [first, second, third] = [await submit("a1"), await submit("b1"), await submit("a1")];
  const page = await api.get("/batches?limit=2", bearer("o1"));
  assert.deepEqual(page.body.data.map(({ id }: { id: string }) => id), [third, second]);
  assert.match(page.headers.get("link") ?? "", /rel="next"/);
  const rest = await api.get(`/batches?cursor=${page.body.nextCursor}`, bearer("o1"));
  assert.deepEqual(rest.body, {
    data: [{
      id: first,
      createdAt: "2026-01-01T00:00:00.000Z",
      total: 2,
      counts: { queued: 2, running: 0, succeeded: 0, failed: 0, cancelled: 0, expired: 0 },
      done: false,
      owner: "alice",
    }],
  });
  const own = await api.get("/batches", bearer("b1"));
  assert.deepEqual(own.body.data.map(({ id }: { id: string }) => id), [second]);
  assert.equal((await api.get("/batches?cursor=x", bearer("o1"))).status, 422);
});

Deno.test("a final task is erased with its files, one that is not is refused", async () => {
  const removed: string[] = [];
  await using api = await Api.open({
    keys: KEYS,
    removeFiles: (id) => Promise.resolve(void removed.push(id)),
  });
  const id = await api.accept({}, bearer("b1"));
  const path = `/tasks/${id}?erase=true`;
  assert.equal((await api.delete(path, bearer("b1"))).status, 403);
  const early = await api.delete(path, bearer("o1"));
  assert.deepEqual([early.status, early.body.code, early.body.task.id], [409, "not_final", id]);
  assert.deepEqual(removed, []);
  await api.finish(1, {
    kind: "rejected",
    error: { code: "http_404", detail: "Gone ada@example.org" },
    result: { status: 404, body: "ada@example.org" },
    evidence: { address: "203.0.113.1" },
  });
  const { status, body } = await api.delete(path, bearer("o1"));
  assert.equal(status, 200);
  assert.deepEqual(removed, [id]);
  assert.deepEqual(body, (await api.get(`/tasks/${id}`, bearer("b1"))).body);
  const { payload, result, label, state, error, attempts } = body;
  assert.deepEqual({ payload, result, label, state }, {
    payload: undefined,
    result: undefined,
    label: undefined,
    state: "failed",
  });
  assert.equal(error.code, "http_404");
  assert.doesNotMatch(JSON.stringify({ error, attempts }), /ada|203\.0/);
  assert.equal((await api.delete(`/tasks/${id}?erase=yes`, bearer("o1"))).status, 422);
});

Deno.test("the tasks that match are exported as NDJSON and CSV", async () => {
  await using api = await Api.open();
  const ids: string[] = [];
  for (let n = 0; n < 3; n++) ids.push(await api.accept({ tags: ["a", "b,c"], key: '=x"' }));
  await api.post("/notify", { to: "ada@example.org", subject: "s" });
  const lines = await api.raw("/tasks?type=fetch&format=ndjson");
  assert.equal(lines.headers.get("content-type"), "application/x-ndjson");
  assert.match(lines.headers.get("content-disposition") ?? "", /^attachment/);
  const rows = (await lines.text()).trimEnd().split("\n").map((line) => JSON.parse(line));
  assert.deepEqual(rows.map(({ id }) => id), ids.toReversed());
  assert.equal(rows[0].host, "example.org");
  const csv = await api.raw("/tasks?type=fetch&format=csv");
  assert.match(csv.headers.get("content-type") ?? "", /^text\/csv/);
  const [head, first, ...more] = (await csv.text()).split("\r\n");
  assert.match(head ?? "", /^id,type,state,/);
  assert.ok(first?.startsWith(`${ids[2]},fetch,queued,`));
  // A spreadsheet must not run a text as a formula.
  assert.ok(first?.includes(`"'=x""","a b,c"`));
  assert.equal(more.length, 3);
  assert.equal((await api.get("/tasks?format=xml")).status, 422);
  const page = (await api.get("/tasks?type=fetch&limit=1")).body;
  const part = await api.raw(`/tasks?type=fetch&format=ndjson&limit=1&cursor=${page.nextCursor}`);
  const [second, ...none] = (await part.text()).trimEnd().split("\n");
  assert.deepEqual([JSON.parse(second ?? "").id, none], [ids[1], []]);
  assert.equal((await api.get("/tasks?format=csv&cursor=none")).status, 422);
});

Deno.test("an API key has its own rate and its own number of queued tasks", async () => {
  const limits = new Map([["alice", { rate: { count: 3, windowMs: 60_000 }, maxQueued: 2 }]]);
  await using api = await Api.open({ keys: KEYS, maxQueued: 10, keyLimits: () => limits });
  const submit = (secret: string) => api.post("/fetch", GET, bearer(secret));
  assert.equal((await submit("a1")).status, 202);
  assert.equal((await submit("a1")).status, 202);
  const full = await submit("a1");
  assert.deepEqual([full.status, full.body.code], [503, "queue_full"]);
  assert.match(full.body.detail, /at most 2 queued tasks of this API key/);
  assert.equal((await submit("a1")).status, 429);
  // Without a quota of its own, one of several keys may fill four fifths of the queue.
  for (let n = 0; n < 8; n++) assert.equal((await submit("b1")).status, 202);
  assert.equal((await submit("b1")).status, 503);
});

Deno.test("what an upstream repeats of a request's secrets is masked for all but the owner", async () => {
  await using api = await Api.open({ keys: KEYS });
  const secrets = {
    url: "https://example.org/?token=t0ken",
    headers: { authorization: "Bearer be@rer", "x-api-key": 'quo"ted', "x-note": "noted" },
    method: "POST",
    json: { client: { secret: "s3cret", name: "named" } },
  };
  const body = `t0ken, be@rer, be%40rer, "quo\\"ted", s3cret, noted, named`;
  const shown = `***, ***, ***, "***", ***, noted, named`;
  const id = await api.accept(secrets, bearer("a1"));
  const result = { status: 200, body, extracted: { json: { it: "s3cret" } } };
  await api.finish(1, { kind: "delivered", result });
  const seen = async (secret: string) =>
    (await api.get(`/tasks/${id}`, bearer(secret))).body.result;
  assert.deepEqual(await seen("a1"), result);
  const masked = { status: 200, body: shown, extracted: { json: { it: "***" } }, masked: true };
  assert.deepEqual(await seen("o1"), masked);
  const plain = await api.accept(GET, bearer("a1"));
  await api.finish(1, { kind: "delivered", result });
  const other = await api.get(`/tasks/${plain}`, bearer("o1"));
  assert.deepEqual(other.body.result, result, "nothing was secret");
});

Deno.test("with very many secrets every text of a result is masked", async () => {
  await using api = await Api.open({ keys: KEYS });
  const headers = Object.fromEntries(
    Array.from({ length: 99 }, (_, i) => [`x-token-${i}`, `secret number ${i}`]),
  );
  const id = await api.accept({ ...GET, headers }, bearer("a1"));
  await api.finish(1, { kind: "delivered", result: { status: 200, body: "anything" } });
  const { body } = await api.get(`/tasks/${id}`, bearer("o1"));
  assert.deepEqual(body.result, { status: 200, body: "***", masked: true });
});

Deno.test("a follow-up shows others no secret that an upstream repeated", async () => {
  const keys = parseApiKeys("alice:a1,ops:o1:notify+fetch+operate+read");
  await using api = await Api.open({ keys });
  const id = await api.accept({
    headers: { authorization: "Bearer canary-7d1f" },
    callback: "https://example.com/done",
    onSuccess: {
      notify: {
        to: "json://example.com/x",
        title: "It said {{task.result.body}}",
        text: "{{task.result.body}}",
        fallback: "json://example.com/y",
      },
    },
  }, bearer("a1"));
  const result = { status: 200, body: "Hello canary-7d1f" };
  await api.finish(1, { kind: "delivered", result });
  const { body: { data } } = await api.get(`/tasks?parent=${id}`, bearer("o1"));
  assert.equal(data.length, 2);
  assert.doesNotMatch(JSON.stringify(data), /canary/);
  for (const task of data) {
    assert.match((await api.engine.find(task.id))?.payload ?? "", /canary/);
    const path = `/tasks/${task.id}`;
    assert.match(JSON.stringify((await api.get(path, bearer("a1"))).body.payload), /canary/);
    assert.doesNotMatch(JSON.stringify((await api.get(path, bearer("o1"))).body), /canary/);
    for (const page of [`/ui${path}`, `/ui/send?from=${task.id}`]) {
      const html = await api.raw(page, { headers: bearer("o1") });
      assert.equal(html.status, 200, page);
      assert.doesNotMatch(await html.text(), /canary/, page);
    }
  }
});
