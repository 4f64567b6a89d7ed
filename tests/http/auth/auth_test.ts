import assert from "node:assert/strict";
import { parseApiKeys, SCOPES } from "../../../src/http/auth/auth.ts";
import { readTargets } from "../../../src/channels/chat/table.ts";
import { Api } from "../../support/api.ts";

const GET = { url: "https://example.org/" };
const KEYS =
  "ada:a1,bob:b1,reader:r1:read,operator:o1:operate,poster:p1:notify,admin:m1:admin+read";

function bearer(secret: string): Record<string, string> {
  return { authorization: `Bearer ${secret}` };
}

function withKeys(): Promise<Api> {
  return Api.open({ keys: parseApiKeys(KEYS), anonymous: "refused" });
}

Deno.test("a key without scopes has all but admin", () => {
  const [key] = parseApiKeys("ci:secret");
  assert.equal(key?.name, "ci");
  assert.deepEqual([...key?.scopes ?? []], SCOPES.filter((scope) => scope !== "admin"));
});

Deno.test("keys are read with their scopes, and spaces around them", () => {
  const keys = parseApiKeys(" a:s1:notify+read , b:s2:admin ,");
  assert.deepEqual(keys.map(({ name, scopes }) => [name, ...scopes]), [
    ["a", "notify", "read"],
    ["b", "admin"],
  ]);
});

Deno.test.each([
  "",
  " , ",
  "hunter2",
  "a:",
  ":hunter2",
  "a:hun:ter2",
  "a:hunter2:notify:read",
  "a:hunter2:everything",
  "a:hunter2:",
  "a:hunter2,b:hunter2",
  "a b:hunter2",
  "a:hunter 2",
  "a:hunté2",
])("%j is refused without showing any of it", (text) => {
  assert.throws(() => parseApiKeys(text), (error: Error) => {
    assert.ok(error instanceof RangeError);
    assert.match(error.message, /^Cannot read API key [12]: expected /);
    assert.doesNotMatch(error.message, /hun|ter2|everything/);
    return true;
  });
});

Deno.test.each(["Bearer a1", "bearer a1", "Bearer  a1 "])("%j lets in", async (authorization) => {
  await using api = await withKeys();
  assert.equal((await api.get("/tasks", { authorization })).status, 200);
});

Deno.test.each([
  "",
  "Bearer",
  "Bearer ",
  "Bearer a2",
  "Basic a1",
  "a1",
  "Bearer a1 b1",
  "Bearer A1",
])(
  "%j does not let in",
  async (authorization) => {
    await using api = await withKeys();
    assert.equal((await api.get("/tasks", { authorization })).status, 401);
  },
);

Deno.test("without a key only health checks and the documentation are served", async () => {
  await using api = await withKeys();
  for (const path of ["/livez", "/readyz", "/openapi.json"]) {
    assert.equal((await api.get(path)).status, 200, path);
  }
  for (const path of ["/tasks", "/tasks/x", "/batches/x", "/status", "/status/x"]) {
    assert.equal((await api.get(path)).status, 401, path);
  }
});

Deno.test("a task belongs to the key it was submitted with", async () => {
  await using api = await withKeys();
  const { body } = await api.post("/fetch", GET, bearer("a1"));
  assert.equal(body.owner, "ada");
});

const routes = [
  { method: "POST", path: "/notify", scopes: ["notify"] },
  { method: "POST", path: "/fetch", scopes: ["fetch"] },
  { method: "GET", path: "/status", scopes: ["read"] },
];

Deno.test.each(
  routes.flatMap((route) => SCOPES.map((scope) => ({ ...route, scope }))),
)("$method $path with the scope $scope", async ({ method, path, scopes, scope }) => {
  await using api = await Api.open({ keys: parseApiKeys(`k:s:${scope}`), anonymous: "refused" });
  const { status } = await api.call(method, path, { headers: bearer("s") });
  assert.equal(status === 403, !scopes.includes(scope), `${status}`);
});

Deno.test.each([
  { secret: "a1", who: "its owner", read: 200, cancel: 200 },
  { secret: "r1", who: "a reader", read: 200, cancel: 403 },
  { secret: "o1", who: "an operator", read: 404, cancel: 200 },
  { secret: "p1", who: "another key", read: 404, cancel: 404 },
  { secret: "m1", who: "a reading admin", read: 200, cancel: 403 },
])("a task is $read to read and $cancel to change for $who", async ({ secret, read, cancel }) => {
  await using api = await withKeys();
  const id = await api.accept({ delay: "1h" }, bearer("a1"));
  const headers = bearer(secret);
  assert.equal((await api.get(`/tasks/${id}`, headers)).status, read);
  assert.equal((await api.get(`/status/${id}`, headers)).status, read);
  const list = (await api.get("/tasks", headers)).body.data;
  assert.equal(list.length, read === 200 ? 1 : 0);
  const changed = cancel === 200 ? 202 : cancel;
  assert.equal((await api.post(`/tasks/${id}/run`, undefined, headers)).status, changed);
  assert.equal((await api.delete(`/tasks/${id}`, headers)).status, cancel);
  assert.equal((await api.post(`/tasks/${id}/retry`, undefined, headers)).status, changed);
});

Deno.test("a batch of another key is not found, nor are its results", async () => {
  await using api = await withKeys();
  const { body } = await api.post("/fetch", { urls: [GET.url], delay: "1h" }, bearer("a1"));
  const paths = [`/batches/${body.id}`, `/batches/${body.id}/results`, `/status/${body.id}`];
  for (const path of paths) assert.equal((await api.get(path, bearer("p1"))).status, 404, path);
  assert.equal((await api.delete(`/batches/${body.id}`, bearer("p1"))).status, 404);
  assert.equal((await api.delete(`/batches/${body.id}`, bearer("r1"))).status, 403);
  assert.equal((await api.get(`/batches/${body.id}`, bearer("a1"))).body.counts.queued, 1);
});

Deno.test("a bulk change affects only the caller's own tasks", async () => {
  await using api = await withKeys();
  await api.accept({ delay: "1h" }, bearer("a1"));
  const only = bearer("p1");
  assert.deepEqual((await api.delete("/tasks?state=queued", only)).body, {
    cancelled: 0,
    aborting: 0,
  });
  assert.deepEqual((await api.delete("/tasks?state=queued", bearer("o1"))).body.cancelled, 1);
  assert.deepEqual((await api.post("/tasks/retry?all=true", undefined, only)).body, {
    retried: 0,
    expired: 0,
  });
  assert.deepEqual((await api.post("/tasks/retry?all=true", undefined, bearer("o1"))).body, {
    retried: 1,
    expired: 0,
  });
});

Deno.test.each([
  "localhost",
  "localhost:8000",
  "LOCALHOST:8000",
  "127.0.0.1:8000",
  "127.1.2.3",
  "[::1]:8000",
  "postrider.localhost:8000",
])("the Host %s is this machine", async (host) => {
  await using api = await Api.open();
  assert.equal((await api.get("/tasks", { host })).status, 200);
});

Deno.test.each([
  "evil.example",
  "evil.example:8000",
  "localhost.evil.example",
  "127.0.0.1.evil.example",
  "10.0.0.1:8000",
  "[::2]",
  "localhost@evil.example",
  "",
  "127.0.0.1:8000:1",
])("the Host %j is another name, as DNS rebinding has it", async (host) => {
  await using api = await Api.open();
  const { status, body } = await api.get("/tasks", { host });
  assert.equal(status, 403);
  assert.equal(body.code, "forbidden");
});

Deno.test.each([
  "https://evil.example",
  "null",
  "http://localhost:3000",
  "http://localhost:8000.evil.example",
])(
  "a page of %s cannot mail through this machine",
  async (origin) => {
    await using api = await Api.open();
    const headers = { host: "localhost:8000", origin };
    assert.equal((await api.post("/fetch", GET, headers)).status, 403);
    assert.equal((await api.post("/tasks/retry", undefined, headers)).status, 403);
    assert.equal((await api.delete("/tasks?state=queued", headers)).status, 403);
  },
);

Deno.test("a page of this service may call the API", async () => {
  await using api = await Api.open();
  const headers = { host: "localhost:8000", origin: "http://localhost:8000" };
  assert.equal((await api.post("/fetch", GET, headers)).status, 202);
});

Deno.test("a form cannot submit a mail, whatever its Origin", async () => {
  await using api = await Api.open();
  for (const type of ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]) {
    const init = { body: JSON.stringify(GET), headers: { "content-type": type } };
    assert.equal((await api.call("POST", "/fetch", init)).status, 415);
  }
});

Deno.test("POSTRIDER_ALLOW_ANONYMOUS accepts any Host name", async () => {
  await using api = await Api.open({ anonymous: "allowed" });
  assert.equal((await api.post("/fetch", GET, { host: "postrider.example" })).status, 202);
});

Deno.test("an unknown key is refused even where no key is needed", async () => {
  await using api = await Api.open({ keys: parseApiKeys(KEYS), anonymous: "allowed" });
  assert.equal((await api.get("/tasks")).status, 200);
  assert.equal((await api.get("/tasks", bearer("x"))).status, 401);
});

Deno.test("a follow-up needs the same scope as a submit", async () => {
  await using api = await Api.open({ keys: parseApiKeys("web:fetch-only:fetch") });
  const chain = { onSuccess: { notify: { to: "ada@example.org", text: "done" } } };
  const refused = await api.post("/fetch", { ...GET, ...chain }, bearer("fetch-only"));
  assert.equal(refused.status, 403);
  const batch = { urls: [GET.url], onComplete: chain.onSuccess };
  assert.equal((await api.post("/fetch", batch, bearer("fetch-only"))).status, 403);
  const told = { ...GET, callback: "https://example.org/told" };
  assert.equal((await api.post("/fetch", told, bearer("fetch-only"))).status, 202);
});

const note = { text: "x" };
const toAny = { to: "json://any.example/hook", ...note };
Deno.test.each([
  { body: { to: "ada@example.org", ...note }, status: 202 },
  { body: { to: "@alias", ...note }, status: 202 },
  { body: { to: "discord://1234567890/token-of-the-hook", ...note }, status: 202 },
  { body: toAny, status: 403 },
  { body: { to: ["ada@example.org", "ntfys://any.example/topic"], ...note }, status: 403 },
  { body: { to: "ada@example.org", fallback: toAny.to, ...note }, status: 403 },
  { body: { notifications: [{ to: "ada@example.org", ...note }, toAny] }, status: 403 },
  {
    body: { to: "ada@example.org", callback: "https://any.example/told", ...note },
    status: 403,
  },
  { body: { to: "ada@example.org", onSuccess: { notify: toAny }, ...note }, status: 403 },
  {
    body: {
      notifications: [{ to: "ada@example.org", ...note }],
      callback: "https://any.example/told",
    },
    status: 403,
  },
])("with the scope notify alone, $body is answered with $status", async ({ body, status }) => {
  await using api = await Api.open({
    keys: parseApiKeys("n:notify-only:notify,all:all-of-them"),
    ports: { readTargets, aliasOf: () => ["json://team.example/hook"] },
  });
  const answered = await api.post("/notify", body, bearer("notify-only"));
  assert.equal(answered.status, status);
  if (status === 403) assert.match(answered.body.detail, /scope fetch/);
  assert.equal((await api.post("/notify", body, bearer("all-of-them"))).status, 202);
});

Deno.test("a key with only the scope operate changes a task of another owner without seeing its payload", async () => {
  await using api = await Api.open({
    keys: parseApiKeys("f:f1:fetch,o:o1:operate"),
    anonymous: "refused",
  });
  const operator = { authorization: "Bearer o1" };
  const body = { url: "https://example.org/private", delay: "1h" };
  const { body: task } = await api.post("/fetch", body, { authorization: "Bearer f1" });
  const path = `/tasks/${task.id}`;
  const answers = [
    await api.post(`${path}/retry`, undefined, operator),
    await api.post(`${path}/run`, undefined, operator),
    await api.delete(path, operator),
    await api.delete(path, operator),
  ];
  assert.deepEqual(answers.map(({ status }) => status), [409, 202, 200, 409]);
  for (const answer of answers) {
    assert.equal((answer.body.task ?? answer.body).id, task.id);
    assert.doesNotMatch(JSON.stringify(answer.body), /private/);
  }
});
