import { textOfJson } from "../../../src/lib/json/held_text.ts";
import assert from "node:assert/strict";
import { isId } from "../../../src/lib/ids.ts";
import { parseApiKeys } from "../../../src/http/auth/auth.ts";
import { turn } from "../../../src/lib/steps.ts";
import { Api } from "../../support/api.ts";
import { settled } from "../../support/fake_clock.ts";

const MAIL = { to: "Ada <ada@example.org>", subject: "Hello" };
const GET = { url: "https://example.org/" };

Deno.test("POST /notify responds with 202, the task and its Location", async () => {
  await using api = await Api.open();
  const { status, headers, body } = await api.post("/notify", MAIL);
  assert.equal(status, 202);
  assert.equal(headers.get("location"), `/tasks/${body.id}`);
  assert.ok(isId("tsk", body.id));
  assert.deepEqual(body, {
    id: body.id,
    type: "notify",
    state: "queued",
    attempt: 0,
    attempts: [],
    createdAt: "2026-01-01T00:00:00.000Z",
    dueAt: "2026-01-01T00:00:00.000Z",
    priority: 5,
    source: "api",
    label: "Hello Ada <ada@example.org>",
    host: "localhost",
    payload: {
      from: "Postrider <postrider@localhost>",
      to: ["Ada <ada@example.org>"],
      subject: "Hello",
    },
  });
});

Deno.test.each([
  { path: "/notify", json: MAIL },
  {
    path: "/fetch",
    json: { ...GET, json: { a: 1 }, headers: { "x-a": "b" }, tags: ["t"], key: "k" },
  },
  { path: "/fetch", json: { ...GET, delay: "1h", expires: "2h", priority: 0 } },
])("what $path answers with $json is what the task reads as afterwards", async ({ path, json }) => {
  await using api = await Api.open();
  const accepted = await api.post(path, json);
  assert.deepEqual((await api.get(`/tasks/${accepted.body.id}`)).body, accepted.body);
});

Deno.test("a text of megabytes is answered, stored and repeated like a short one", async () => {
  await using api = await Api.open();
  const mail = { ...MAIL, text: `"ü🚚\n`.repeat(500_000), key: "k" };
  const headers = { "idempotency-key": "k", "accept-encoding": "gzip" };
  const accepted = await api.post("/notify", mail, headers);
  assert.equal(accepted.status, 202);
  assert.equal(accepted.headers.get("content-encoding"), null);
  assert.ok(accepted.body.payload.text === mail.text);
  const read = await api.get(`/tasks/${accepted.body.id}`);
  assert.deepEqual(read.body, accepted.body);
  assert.equal((await api.post("/notify", mail, headers)).body.id, accepted.body.id);
  const other = await api.post("/notify", { ...mail, text: `${mail.text}.` }, headers);
  assert.equal(other.body.code, "idempotency_conflict");
  const [claimed] = await api.claim();
  assert.ok(JSON.parse(textOfJson(claimed?.payload ?? "")).text === mail.text);
});

Deno.test("a task with a long text and its fallback keep it", async () => {
  await using api = await Api.open();
  const text = "long ".repeat(100_000);
  const file = { filename: "a", content: "QUJD".repeat(300_000) };
  const mail = { ...MAIL, text, attachments: [file], retry: 0, fallback: "grace@example.org" };
  const { body } = await api.post("/notify", mail);
  for (const to of ["ada@example.org", "grace@example.org"]) {
    const [task] = await api.claim();
    const payload = JSON.parse(textOfJson(task?.payload ?? ""));
    assert.equal(payload.to[0].address, to);
    assert.ok(payload.text === text && payload.attachments[0].content === file.content);
    await api.settle(task!, { kind: "rejected", error: { code: "http_404", detail: "Gone" } });
  }
  assert.equal((await api.get(`/tasks/${body.id}`)).body.state, "failed");
});

const LONG = {
  text: `"ü🚚\n`.repeat(100_000),
  attachments: [{ filename: "a", content: "QUJD".repeat(300_000) }],
};

Deno.test.each([
  { of: "a task", body: { ...MAIL, retry: 0 }, member: "onFailure" },
  { of: "each task of a batch", body: { notifications: [MAIL], retry: 0 }, member: "onFailure" },
  { of: "a batch", body: { notifications: [MAIL], retry: 0 }, member: "onComplete" },
])("a long follow-up of $of keeps its text and its file", async ({ body, member }) => {
  await using api = await Api.open();
  const notify = { ...MAIL, subject: "After {{task.id}}", ...LONG };
  if (member === "onComplete") notify.subject = "After {{batch.id}}";
  const { status } = await api.post("/notify", { ...body, [member]: { notify } });
  assert.equal(status, 202);
  const [first] = await api.claim();
  await api.settle(first!, { kind: "rejected", error: { code: "http_404", detail: "Gone" } });
  const [task] = await api.claim();
  const payload = JSON.parse(textOfJson(task?.payload ?? ""));
  assert.match(payload.subject, /^After (tsk|bat)_/);
  assert.ok(payload.text === LONG.text);
  assert.ok(payload.attachments[0].content === LONG.attachments[0]?.content);
});

Deno.test("fallbacks of fallbacks keep a long text", async () => {
  await using api = await Api.open();
  const fallback = ["grace@example.org", "alan@example.org"];
  await api.post("/notify", { ...MAIL, ...LONG, retry: 0, fallback });
  for (const to of ["ada@example.org", ...fallback]) {
    const [task] = await api.claim();
    const payload = JSON.parse(textOfJson(task?.payload ?? ""));
    assert.equal(payload.to[0].address, to);
    assert.ok(payload.text === LONG.text);
    assert.ok(payload.attachments[0].content === LONG.attachments[0]?.content);
    await api.settle(task!, { kind: "rejected", error: { code: "http_404", detail: "Gone" } });
  }
});

Deno.test("secrets of a request are stored for the channel and masked in responses", async () => {
  await using api = await Api.open();
  const { body } = await api.post("/fetch", {
    url: "https://example.org/?token=s3cr3t&a=1",
    headers: { authorization: "Bearer s3cr3t", cookie: "s3cr3t", "x-api-key": "s3cr3t" },
    json: { password: "s3cr3t", a: { apiKey: "s3cr3t" } },
  });
  const [claimed] = await api.claim();
  assert.match(textOfJson(claimed?.payload ?? ""), /s3cr3t/);
  const read = await api.get(`/tasks/${body.id}`);
  const listed = await api.get("/tasks");
  for (const shown of [body, read.body, listed.body]) {
    assert.doesNotMatch(JSON.stringify(shown), /s3cr3t/);
  }
  assert.deepEqual(body.payload, {
    url: "https://example.org/?token=***&a=1",
    method: "POST",
    redirects: 0,
    maxBytes: 104_857_600,
    headers: {
      authorization: "Bearer ***",
      cookie: "***",
      "x-api-key": "***",
      "content-type": "application/json",
    },
    body: '{"password":"***","a":{"apiKey":"***"}}',
  });
});

Deno.test.each([
  { type: "application/x-www-form-urlencoded", sent: "a=1&token=s3cr3t", body: "a=1&token=***" },
  { type: "application/json", sent: "{broken s3cr3t", body: "***" },
  { type: "text/plain", sent: "hello", body: "hello" },
  { type: "text/plain", sent: "x".repeat(65_537), bodyBytes: 65_537 },
])("a body of $type is shown as far as it can be masked", async ({ type, sent, ...shown }) => {
  await using api = await Api.open();
  const json = { ...GET, body: sent, headers: { "content-type": type } };
  const { payload } = (await api.post("/fetch", json)).body;
  assert.deepEqual({ ...payload, ...shown }, payload);
});

Deno.test("attachments are shown by their size", async () => {
  await using api = await Api.open();
  const attachments = [{ filename: "a.txt", content: "YWJjZA==" }];
  const mail = await api.post("/notify", { ...MAIL, attachments });
  assert.deepEqual(mail.body.payload.attachments, [{ filename: "a.txt", bytes: 4 }]);
  const put = await api.post("/fetch", { ...GET, bodyBase64: "YWJj" });
  assert.equal(put.body.payload.bodyBytes, 3);
  assert.equal(put.body.payload.bodyBase64, undefined);
});

Deno.test("a display name with special characters is quoted again", async () => {
  await using api = await Api.open();
  const { body } = await api.post("/notify", {
    ...MAIL,
    to: '"Lovelace, \\"Ada\\"" <a@example.org>',
  });
  assert.deepEqual(body.payload.to, ['"Lovelace, \\"Ada\\"" <a@example.org>']);
});

Deno.test.each([
  { path: "/fetch", json: { requests: [GET] }, total: 1 },
  { path: "/fetch", json: { urls: [GET.url, GET.url], delay: "1h" }, total: 2 },
  { path: "/notify", json: { notifications: [MAIL, MAIL] }, total: 2 },
])("the batch $json answers with its tasks and where it is", async ({ path, json, total }) => {
  await using api = await Api.open();
  const { status, headers, body } = await api.post(path, json);
  assert.equal(status, 202);
  assert.equal(headers.get("location"), `/batches/${body.id}`);
  assert.deepEqual(body, {
    id: body.id,
    total,
    counts: { queued: total, running: 0, succeeded: 0, failed: 0, cancelled: 0, expired: 0 },
    done: false,
    tasks: body.tasks,
  });
  assert.deepEqual(
    body.tasks.map((task: { state: string }) => task.state),
    Array(total).fill("queued"),
  );
  const [first] = body.tasks;
  assert.equal((await api.get(`/tasks/${first.id}`)).body.batchId, body.id);
});

Deno.test("X-Request-Id and traceparent are stored with the task", async () => {
  await using api = await Api.open();
  const traceparent = `00-${"a".repeat(32)}-${"b".repeat(16)}-01`;
  const { headers } = await api.post("/fetch", GET, { "x-request-id": "mine-1", traceparent });
  assert.equal(headers.get("x-request-id"), "mine-1");
  const [task] = await api.claim();
  assert.equal(task?.requestId, "mine-1");
  assert.equal(task?.traceparent, traceparent);
});

Deno.test("an invalid X-Request-Id is replaced, an invalid traceparent dropped", async () => {
  await using api = await Api.open();
  const hostile = {
    "x-request-id": "a b",
    traceparent: `00-${"0".repeat(32)}-${"b".repeat(16)}-01`,
  };
  const { headers } = await api.post("/fetch", GET, hostile);
  assert.match(headers.get("x-request-id") ?? "", /^req_\w+$/);
  const [task] = await api.claim();
  assert.equal(task?.traceparent, undefined);
});

Deno.test("Prefer: wait responds with 200 as soon as the task is final", async () => {
  await using api = await Api.open();
  const answer = api.post("/fetch", GET, { prefer: "respond-async, wait=10" });
  await api.finish(1, { kind: "delivered", result: { status: 204 } });
  const { status, headers, body } = await answer;
  assert.equal(status, 200);
  assert.equal(headers.get("preference-applied"), "wait=10");
  assert.equal(headers.get("location"), `/tasks/${body.id}`);
  assert.equal(body.state, "succeeded");
  assert.deepEqual(body.result, { status: 204 });
});

Deno.test("Prefer: wait responds with 202 when the time is up, at most a minute", async () => {
  await using api = await Api.open();
  const answer = api.post("/fetch", GET, { prefer: "wait=600" });
  await settled();
  await api.clock.advance(60_000);
  const { status, headers, body } = await answer;
  assert.equal(status, 202);
  assert.equal(headers.get("preference-applied"), "wait=60");
  assert.equal(body.state, "queued");
});

Deno.test("Prefer: wait on a batch responds with 200 as soon as it is done", async () => {
  await using api = await Api.open();
  const answer = api.post("/fetch", { urls: [GET.url, GET.url] }, { prefer: "wait=10" });
  await api.finish(2);
  const { status, body } = await answer;
  assert.equal(status, 200);
  assert.equal(body.done, true);
  assert.deepEqual(body.tasks.map((task: { state: string }) => task.state), [
    "succeeded",
    "succeeded",
  ]);
});

Deno.test("a waiting request is answered when the service stops", async () => {
  await using api = await Api.open();
  const answer = api.post("/fetch", GET, { prefer: "wait=10" });
  await settled();
  api.closing.abort();
  assert.equal((await answer).status, 202);
});

Deno.test.each([
  "application/json, application/x-ndjson;q=0",
  "application/json, application/x-ndjson;q=0.9",
  "application/x-ndjson;q=0.1, */*",
])("a batch whose Accept prefers JSON gets JSON: %s", async (accept) => {
  await using api = await Api.open();
  const urls = ["https://example.org/"];
  const { status, body } = await api.post("/fetch", { urls }, { accept });
  assert.deepEqual([status, body.total], [202, 1]);
});

Deno.test("a batch submitted with Accept: application/x-ndjson receives each result as it becomes final", async () => {
  await using api = await Api.open();
  const response = await api.raw("/fetch", {
    method: "POST",
    json: { urls: ["https://a.example/", "https://b.example/"] },
    headers: { accept: "application/x-ndjson" },
  });
  assert.equal(response.status, 200);
  assert.match(response.headers.get("location") ?? "", /^\/batches\/bat_/);
  const text = response.text();
  await api.finish(2);
  const urls = (await text).trimEnd().split("\n").map((line) => JSON.parse(line).payload.url);
  assert.deepEqual(urls.sort(), ["https://a.example/", "https://b.example/"]);
});

Deno.test("the lines of a batch end when the preferred wait is over", async () => {
  await using api = await Api.open();
  const response = await api.raw("/fetch", {
    method: "POST",
    json: { urls: [GET.url] },
    headers: { accept: "application/x-ndjson", prefer: "wait=5" },
  });
  const text = response.text();
  await api.clock.advance(5_000);
  assert.equal(await text, "");
});

Deno.test.each(["abc", '"abc"'])("Idempotency-Key %s returns the same task again", async (key) => {
  await using api = await Api.open();
  const first = await api.post("/fetch", GET, { "idempotency-key": "abc" });
  await api.finish();
  const second = await api.post("/fetch", GET, { "idempotency-key": key });
  assert.equal(second.status, 202);
  assert.equal(second.body.id, first.body.id);
  assert.equal(second.headers.get("location"), `/tasks/${first.body.id}`);
  assert.equal(second.body.state, "succeeded");
  assert.equal((await api.get("/tasks")).body.data.length, 1);
});

Deno.test("twins with one Idempotency-Key at the same time get the task of the first", async () => {
  await using api = await Api.open();
  const json = { url: "https://example.org/" };
  const twins = Array.from(
    { length: 8 },
    () => api.post("/fetch", json, { "idempotency-key": "k" }),
  );
  const answers = await Promise.all(twins);
  assert.deepEqual([...new Set(answers.map(({ status }) => status))], [202]);
  assert.equal(new Set(answers.map(({ body }) => body.id)).size, 1);
  assert.equal((await api.engine.counts()).queued, 1);
});

Deno.test("an Idempotency-Key returns the same batch in its current state", async () => {
  await using api = await Api.open();
  const json = { urls: [GET.url, GET.url] };
  const first = await api.post("/fetch", json, { "idempotency-key": "b" });
  await api.finish();
  const second = await api.post("/fetch", json, { "idempotency-key": "b" });
  assert.equal(second.body.id, first.body.id);
  assert.equal(second.body.counts.succeeded, 1);
  assert.equal(second.body.tasks.length, 2);
});

Deno.test("an Idempotency-Key is separate for each route and API key", async () => {
  await using api = await Api.open({ keys: parseApiKeys("a:s1,b:s2"), anonymous: "refused" });
  const headers = (secret: string) => ({
    authorization: `Bearer ${secret}`,
    "idempotency-key": "k",
  });
  const ids = [
    (await api.post("/fetch", GET, headers("s1"))).body.id,
    (await api.post("/fetch", GET, headers("s2"))).body.id,
    (await api.post("/notify", MAIL, headers("s1"))).body.id,
  ];
  assert.equal(new Set(ids).size, 3);
});

Deno.test("an Idempotency-Key is forgotten after 24 hours", async () => {
  await using api = await Api.open();
  const first = await api.post("/fetch", GET, { "idempotency-key": "k" });
  await api.clock.advance(24 * 3_600_000 + 1);
  const second = await api.post("/fetch", GET, { "idempotency-key": "k" });
  assert.notEqual(second.body.id, first.body.id);
});

Deno.test("an address that the guard refuses is not stored, nor the rest of its batch", async () => {
  await using api = await Api.open({
    ports: {
      refuseUrl: (url) =>
        url.hostname === "bad.example"
          ? { code: "address_refused", detail: "Not public" }
          : undefined,
    },
  });
  const cases = [
    [{ url: "https://bad.example/" }, "/url"],
    [{ urls: [GET.url, "https://bad.example/"] }, "/urls/1"],
    [{ requests: [GET, { url: "https://bad.example/" }] }, "/requests/1/url"],
  ] as const;
  for (const [json, pointer] of cases) {
    const { status, body } = await api.post("/fetch", json);
    assert.equal(status, 422);
    assert.equal(body.code, "address_refused");
    assert.deepEqual(body.errors, [{ pointer, detail: "Not public" }]);
  }
  assert.deepEqual((await api.get("/tasks")).body.data, []);
});

const OK = "https://example.org/";

Deno.test.each([
  { body: { urls: [OK], onSuccess: { fetch: { url: "x" } } }, at: "/onSuccess/fetch/url" },
  { body: { urls: ["x"] }, at: "/urls/0" },
  {
    body: { requests: [{ url: OK, onFailure: { fetch: { url: "x" } } }] },
    at: "/requests/0/onFailure/fetch/url",
  },
  { body: { requests: [{ url: OK, timeout: "5s" }], timeout: 42 }, at: "/timeout" },
  { body: { requests: [{ url: OK, delay: "5s" }], runAt: "soon" }, at: "/runAt" },
  { body: { requests: [{ url: OK, json: 1 }], body: 5 }, at: "/body" },
  {
    body: {
      requests: [{ url: OK, onSuccess: { fetch: { url: OK } } }],
      onSuccess: { fetch: { url: "x" } },
    },
    at: "/onSuccess/fetch/url",
  },
])("an issue of the batch $body is at $at", async ({ body, at }) => {
  await using api = await Api.open();
  const { status, body: problem } = await api.post("/fetch", body);
  assert.equal(status, 422);
  assert.deepEqual(problem.errors.map(({ pointer }: { pointer: string }) => pointer), [at]);
});

Deno.test("submits with long files are stored one at a time", async () => {
  let storing = 0;
  let most = 0;
  await using api = await Api.open({
    engine: (memory) => {
      const insert = memory.insert.bind(memory);
      return Object.defineProperty(memory, "insert", {
        value: async (submission: Parameters<typeof insert>[0]) => {
          most = Math.max(most, ++storing);
          // The others get many turns in which they could begin as well.
          for (let turns = 0; turns < 50; turns++) await turn();
          storing--;
          return await insert(submission);
        },
      });
    },
  });
  const attachments = [{ filename: "a.bin", content: "QUJD".repeat(300_000) }];
  const responses = await Promise.all(
    [1, 2, 3].map(() => api.post("/notify", { ...MAIL, attachments })),
  );
  assert.deepEqual(responses.map(({ status }) => status), [202, 202, 202]);
  assert.equal(most, 1);
});
