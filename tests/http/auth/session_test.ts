import assert from "node:assert/strict";
import { parseApiKeys } from "../../../src/http/auth/auth.ts";
import { openSignOuts } from "../../../src/http/auth/sign_outs.ts";
import type { Cluster } from "../../../src/queue/cluster.ts";
import { openQueue } from "../../../src/queue/open.ts";
import { Api } from "../../support/api.ts";
import { FakeClock } from "../../support/fake_clock.ts";

const ORIGIN = "http://localhost:8000";
const KEYS = parseApiKeys("ada:first-secret,eye:other-secret:read,send:third-secret:fetch");
const HOURS_12 = 12 * 3_600_000;

/** Signs in as a browser does; the answer, and the cookie as it is sent back. */
async function signIn(api: Api, key: string, next = "/", origin: string | null = ORIGIN) {
  const body = new URLSearchParams({ key, next }).toString();
  const response = await api.raw("/ui/signin", {
    method: "POST",
    body,
    headers: {
      ...formHeaders(body),
      ...(origin === null ? {} : { origin }),
    },
  });
  const cookie = response.headers.get("set-cookie") ?? "";
  return { response, cookie, headers: { cookie: cookie.split(";")[0] ?? "" } };
}

Deno.test("a caller without a session is redirected to sign in, and then back to the page", async () => {
  await using api = await Api.open({ keys: KEYS, anonymous: "refused" });
  const away = await api.raw("/ui/tasks?state=failed");
  assert.equal(away.status, 303);
  assert.equal(away.headers.get("location"), "/ui/signin?next=%2Fui%2Ftasks%3Fstate%3Dfailed");
  const { response, headers } = await signIn(api, "first-secret", "/ui/tasks?state=failed");
  assert.equal(response.status, 303);
  assert.equal(response.headers.get("location"), "/ui/tasks?state=failed");
  const page = await api.raw("/ui/tasks?state=failed", { headers });
  assert.equal(page.status, 200);
  assert.match(await page.text(), /Sign out/);
});

Deno.test("the cookie is SameSite and HttpOnly and holds no secret", async () => {
  await using api = await Api.open({ keys: KEYS, anonymous: "refused" });
  const { cookie } = await signIn(api, "first-secret");
  assert.match(
    cookie,
    /^postrider_session=[^;]+; Path=\/; Max-Age=43200; HttpOnly; SameSite=Strict$/,
  );
  assert.ok(!cookie.includes("first-secret"));
});

Deno.test("behind TLS the cookie is Secure", async () => {
  await using api = await Api.open({ keys: KEYS, anonymous: "refused" });
  const response = await api.raw("/ui/signin", {
    method: "POST",
    body: "key=first-secret",
    headers: { ...formHeaders("key=first-secret"), origin: "https://localhost:8000" },
  });
  assert.match(response.headers.get("set-cookie") ?? "", /; Secure$/);
});

Deno.test("an unknown key is refused without saying why", async () => {
  await using api = await Api.open({ keys: KEYS, anonymous: "refused" });
  const { response, cookie } = await signIn(api, "first-secreT");
  assert.equal(response.status, 401);
  assert.equal(cookie, "");
  assert.match(await response.text(), /Unknown API key/);
});

Deno.test.each([
  { what: "changed", change: (value: string) => value.slice(0, -1) + "x" },
  { what: "of another key", change: (value: string) => value.replace("ada", "eye") },
  { what: "of a key there is not", change: (value: string) => value.replace("ada", "bob") },
  { what: "made longer lasting", change: (value: string) => value.replace(/%3A\d/, "%3A9") },
  { what: "cut off", change: (value: string) => value.split("%3A")[0] ?? "" },
  { what: "no such text", change: () => "postrider_session=%E0%A4%A" },
])("a cookie that is $what signs nobody in", async ({ change }) => {
  await using api = await Api.open({ keys: KEYS, anonymous: "refused" });
  const { headers } = await signIn(api, "first-secret");
  assert.equal((await api.get("/tasks", headers)).status, 200);
  assert.equal((await api.get("/tasks", { cookie: change(headers.cookie) })).status, 401);
});

Deno.test("a session ends after twelve hours, and with its key", async () => {
  await using api = await Api.open({ keys: KEYS, anonymous: "refused" });
  const { headers } = await signIn(api, "first-secret");
  await api.clock.advance(HOURS_12 - 1);
  assert.equal((await api.get("/tasks", headers)).status, 200);
  await api.clock.advance(1);
  assert.equal((await api.get("/tasks", headers)).status, 401);
  const { headers: fresh } = await signIn(api, "first-secret");
  const keys = parseApiKeys("ada:changed-secret");
  await using changed = await Api.open({ keys, anonymous: "refused" });
  assert.equal((await changed.get("/tasks", fresh)).status, 401);
});

Deno.test.each([{ path: "/events" }, { path: "/ui/live" }])(
  "a stream of $path ends with the session that it was opened in",
  async ({ path }) => {
    await using api = await Api.open({ keys: KEYS, anonymous: "refused" });
    const { headers } = await signIn(api, "first-secret");
    await api.clock.advance(HOURS_12 - 1_000);
    const { headers: later } = await signIn(api, "first-secret");
    const ended = api.raw(path, { headers }).then((stream) => stream.text());
    const other = await api.raw(path, { headers: later });
    await api.clock.advance(1_000);
    await ended;
    const reader = other.body!.getReader();
    assert.equal((await reader.read()).done, false);
    await reader.cancel();
  },
);

Deno.test("signing out ends the session, and no other", async () => {
  await using api = await Api.open({ keys: KEYS, anonymous: "refused" });
  const { headers } = await signIn(api, "first-secret");
  const other = await signIn(api, "first-secret");
  const stream = await api.raw("/events", { headers });
  const signOut = { method: "POST", headers: { ...headers, origin: ORIGIN } };
  assert.equal((await api.raw("/ui/signout", signOut)).status, 303);
  assert.equal((await api.get("/tasks", headers)).status, 401);
  assert.equal((await api.get("/tasks", other.headers)).status, 200);
  // Ends, since a session that is signed out sees nothing further.
  await stream.text();
});

Deno.test("what was signed out on one node is signed out on another, and after a restart", async () => {
  const clock = new FakeClock();
  await using engine = await openQueue("memory:", { clock });
  const { signal } = new AbortController();
  const shared = { ...engine, durable: true, cluster: {} as Cluster };
  const open = () => openSignOuts({ engine: shared, clock, signal });
  const [here, there] = [await open(), await open()];
  await here.add("one", clock.now() + 60_000);
  assert.deepEqual([here.has("one"), there.has("one")], [true, false]);
  let noticed = 0;
  there.watch(() => noticed++);
  await clock.advance(2_000);
  assert.deepEqual([there.has("one"), (await open()).has("one")], [true, true]);
  assert.equal(noticed, 1);
  const { realm } = await openSignOuts({ engine, clock, signal });
  assert.deepEqual([here.realm, realm === ""], ["", false]);
});

Deno.test("behind a proxy that changes Host, Sec-Fetch-Site proves the own page", async () => {
  await using api = await Api.open({ keys: KEYS, anonymous: "refused" });
  const body = "key=first-secret";
  const post = (path: string, headers: Record<string, string>) =>
    api.raw(path, {
      method: "POST",
      body,
      headers: { ...formHeaders(body), origin: "https://postrider.example", ...headers },
    });
  const signedIn = await post("/ui/signin", { "sec-fetch-site": "same-origin" });
  assert.equal(signedIn.status, 303);
  const cookie = signedIn.headers.get("set-cookie")?.split(";")[0] ?? "";
  for (const site of ["cross-site", "same-site", "none"]) {
    const headers = { cookie, "sec-fetch-site": site };
    assert.equal((await post("/ui/signin", headers)).status, 403, site);
    assert.equal((await post("/ui/signout", headers)).status, 403, site);
  }
  // Over plain http browsers do not send it: the page names the header that is missing.
  const refused = await post("/ui/signin", {});
  assert.equal(refused.status, 403);
  assert.match(await refused.text(), /Host header says localhost:8000.*proxy_set_header Host/s);
});

Deno.test("a client that tries many unknown keys is slowed down, a known key never", async () => {
  await using api = await Api.open({ keys: KEYS, anonymous: "refused" });
  const statuses: number[] = [];
  for (let i = 0; i < 40; i++) {
    statuses.push((await api.get("/tasks", { authorization: `Bearer guess${i}` })).status);
  }
  assert.equal(statuses[0], 401);
  assert.equal(statuses.at(-1), 429);
  const refused = await signIn(api, "another-guess");
  assert.equal(refused.response.status, 429);
  assert.match(await refused.response.text(), /Too many unknown API keys/);
  assert.equal((await api.get("/tasks", { authorization: "Bearer first-secret" })).status, 200);
  await api.clock.advance(1_000);
  assert.equal((await api.get("/tasks", { authorization: "Bearer guess" })).status, 401);
});

Deno.test("signing out removes the cookie", async () => {
  await using api = await Api.open({ keys: KEYS, anonymous: "refused" });
  const response = await api.raw("/ui/signout", { method: "POST", headers: { origin: ORIGIN } });
  assert.equal(response.headers.get("location"), "/ui/signin");
  assert.match(response.headers.get("set-cookie") ?? "", /^postrider_session=; .*Max-Age=0/);
  const foreign = { origin: "https://evil.example" };
  const refused = await api.raw("/ui/signout", { method: "POST", headers: foreign });
  assert.equal(refused.status, 403);
  assert.equal(refused.headers.get("set-cookie"), null);
});

Deno.test("a session changes something only from a page of this service", async () => {
  await using api = await Api.open({ keys: KEYS, anonymous: "refused" });
  const { headers } = await signIn(api, "first-secret");
  const submit = (more: Record<string, string>) =>
    api.post("/fetch", { url: "https://example.org/" }, { ...headers, ...more });
  assert.equal((await submit({ origin: ORIGIN })).status, 202);
  assert.equal((await submit({ origin: "https://evil.example" })).status, 403);
  assert.equal((await submit({ origin: "null" })).status, 403);
  assert.equal((await submit({})).status, 403);
});

Deno.test("the sign-in form is accepted from its own page only and redirects to this service only", async () => {
  await using api = await Api.open({ keys: KEYS, anonymous: "refused" });
  for (const origin of ["https://evil.example", "null", null]) {
    const { response, cookie } = await signIn(api, "first-secret", "/", origin);
    assert.equal(response.status, 403);
    assert.equal(cookie, "");
  }
  for (
    const next of ["https://evil.example/", "//evil.example/", "/\\evil.example", "x", "/\n/x"]
  ) {
    const { response } = await signIn(api, "first-secret", next);
    assert.equal(response.headers.get("location"), "/", next);
  }
});

Deno.test("a session has the scopes of its key", async () => {
  await using api = await Api.open({ keys: KEYS, anonymous: "refused" });
  const id = await api.accept({ delay: "1h" }, { authorization: "Bearer first-secret" });
  const { headers } = await signIn(api, "other-secret");
  const page = async (path: string) => (await api.raw(path, { headers })).text();
  assert.doesNotMatch(await page(`/ui/tasks/${id}`), /data-call/);
  assert.doesNotMatch(await page("/ui/tasks?state=queued"), /data-bulk|data-call/);
  assert.doesNotMatch(await page("/"), /href="\/ui\/send"[^>]*>Send</);
  assert.equal((await api.delete(`/tasks/${id}`, { ...headers, origin: ORIGIN })).status, 403);
});

Deno.test("a key without the scope read sees a page that says so, and the send form", async () => {
  await using api = await Api.open({ keys: KEYS, anonymous: "refused" });
  const { headers } = await signIn(api, "third-secret");
  const refused = await api.raw("/", { headers });
  assert.equal(refused.status, 403);
  assert.match(await refused.text(), /Expected an API key with the scope read/);
  const form = await (await api.raw("/ui/send", { headers })).text();
  assert.match(form, /Send the request/);
  assert.doesNotMatch(form, /Send the mail/);
});

Deno.test("a session does not allow another Host name on loopback", async () => {
  await using api = await Api.open();
  const page = await api.raw("/", { headers: { host: "evil.example" } });
  assert.equal(page.status, 403);
  assert.doesNotMatch(await page.text(), /Overview</);
});

function formHeaders(body: string): Record<string, string> {
  return {
    "content-type": "application/x-www-form-urlencoded",
    "content-length": `${body.length}`,
  };
}
