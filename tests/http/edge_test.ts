import assert from "node:assert/strict";
import { gunzipSync } from "node:zlib";
import { parseApiKeys } from "../../src/http/auth/auth.ts";
import { parseBasePath } from "../../src/http/base_path.ts";
import { parseCorsOrigins } from "../../src/http/cors.ts";
import { clientOf, parseTrustedProxies } from "../../src/http/request/client.ts";
import { Api } from "../support/api.ts";

const BASE = "/postrider";

Deno.test.each([
  { text: "/postrider", path: "/postrider" },
  { text: "/a/b-c/", path: "/a/b-c" },
  { text: "/", path: "" },
  { text: "postrider", path: undefined },
  { text: "/a b", path: undefined },
  { text: "/a//b", path: undefined },
  { text: "/a/../b", path: undefined },
  { text: "/./a", path: undefined },
  { text: "/.a/..b", path: "/.a/..b" },
  { text: '/"><script>', path: undefined },
])("the base path $text is read as $path", ({ text, path }) => {
  assert.equal(parseBasePath(text), path);
});

Deno.test("with a base path everything is below it, and nothing outside", async () => {
  await using api = await Api.open({ basePath: BASE });
  for (const path of ["/livez", "/", "/openapi.json", "/ui/tasks", "/postriders/livez"]) {
    assert.equal((await api.raw(path)).status, 404, path);
  }
  for (const path of ["", "/", "/livez", "/openapi.json", "/docs", "/ui/assets/dashboard.js"]) {
    assert.equal((await api.raw(BASE + path)).status, 200, path);
  }
  const task = await api.post(`${BASE}/fetch`, { url: "https://example.org/" });
  assert.equal(task.headers.get("location"), `${BASE}/tasks/${task.body.id}`);
  await api.post(`${BASE}/fetch`, { url: "https://example.org/" });
  const page = await api.get(`${BASE}/tasks?limit=1`);
  assert.match(page.headers.get("link") ?? "", /^<\/postrider\/tasks\?/);
  const { body: document } = await api.get(`${BASE}/openapi.json`);
  assert.equal(document.servers[0].url, BASE);
});

Deno.test("with a base path every link of a page stays below it", async () => {
  await using api = await Api.open({ basePath: BASE });
  const { body } = await api.post(`${BASE}/notify`, {
    to: "ada@example.org",
    subject: 'a href="/elsewhere"',
    text: "x",
  });
  for (
    const path of ["/", "/ui/tasks", `/ui/tasks/${body.id}`, "/ui/send", "/docs", "/ui/signin"]
  ) {
    const html = await (await api.raw(BASE + path)).text();
    const links = [...html.matchAll(/ (?:href|src|action|data-follow|data-send)="([^"#]*)"/g)];
    assert.ok(links.length > 2, path);
    for (const [, link = ""] of links) {
      assert.ok(link === BASE || link.startsWith(`${BASE}/`), `${path}: ${link}`);
    }
    assert.match(html, /<html data-base="\/postrider" /);
  }
});

Deno.test("with a base path a session is led back to the page, and its cookie is for the path", async () => {
  const keys = parseApiKeys("ada:secret");
  await using api = await Api.open({ basePath: BASE, keys, anonymous: "refused" });
  const away = await api.raw(`${BASE}/ui/tasks?state=failed`);
  assert.equal(
    away.headers.get("location"),
    `${BASE}/ui/signin?next=%2Fui%2Ftasks%3Fstate%3Dfailed`,
  );
  const body = "key=secret&next=%2Fui%2Ftasks";
  const signedIn = await api.raw(`${BASE}/ui/signin`, {
    method: "POST",
    body,
    headers: {
      "content-type": "application/x-www-form-urlencoded",
      "content-length": `${body.length}`,
      "origin": "http://localhost:8000",
    },
  });
  assert.equal(signedIn.headers.get("location"), `${BASE}/ui/tasks`);
  assert.match(signedIn.headers.get("set-cookie") ?? "", /; Path=\/postrider;/);
});

Deno.test("pages of listed origins may call, and no others", async () => {
  const keys = parseApiKeys("ada:secret");
  const corsOrigins = parseCorsOrigins("https://app.example, http://localhost:3000");
  await using api = await Api.open({ corsOrigins, keys, anonymous: "refused" });
  const origin = "https://app.example";
  const asked = { origin, "access-control-request-method": "POST" };
  const preflight = await api.raw("/fetch", { method: "OPTIONS", headers: asked });
  assert.equal(preflight.status, 204);
  assert.equal(preflight.headers.get("access-control-allow-origin"), origin);
  assert.match(preflight.headers.get("access-control-allow-headers") ?? "", /idempotency-key/);
  assert.match(preflight.headers.get("access-control-allow-methods") ?? "", /DELETE/);
  const authorization = "Bearer secret";
  const posted = await api.post("/fetch", { url: "https://example.org/" }, {
    origin,
    authorization,
  });
  assert.equal(posted.status, 202);
  assert.equal(posted.headers.get("access-control-allow-origin"), origin);
  assert.match(posted.headers.get("access-control-expose-headers") ?? "", /location/);
  assert.equal(posted.headers.get("vary"), "origin");
  const refused = await api.get("/tasks", { origin });
  assert.equal(refused.status, 401);
  assert.equal(refused.headers.get("access-control-allow-origin"), origin);
  const foreign = { origin: "https://evil.example", authorization };
  const other = await api.get("/tasks", foreign);
  assert.equal(other.headers.get("access-control-allow-origin"), null);
  const otherAsked = { ...asked, origin: "https://evil.example" };
  assert.equal((await api.raw("/fetch", { method: "OPTIONS", headers: otherAsked })).status, 405);
});

Deno.test("without keys a listed origin may call a service on loopback, and no other", async () => {
  await using api = await Api.open({ corsOrigins: parseCorsOrigins("https://app.example") });
  const json = { url: "https://example.org/" };
  assert.equal((await api.post("/fetch", json, { origin: "https://app.example" })).status, 202);
  assert.equal((await api.post("/fetch", json, { origin: "https://evil.example" })).status, 403);
});

Deno.test.each(["https://a.example/", "a.example", "https://a.example/path", "null", "ftp://a"])(
  "%j is no origin",
  (text) => void assert.throws(() => parseCorsOrigins(text), RangeError),
);

const FORWARDED = {
  host: "10.0.0.9:8000",
  "x-forwarded-for": "203.0.113.7, 10.0.0.2",
  "x-forwarded-proto": "https",
  "x-forwarded-host": "postrider.example",
};

Deno.test.each([
  { from: "10.0.0.1", address: "203.0.113.7", host: "postrider.example", scheme: "https" },
  { from: "192.0.2.1", address: "192.0.2.1", host: "10.0.0.9:8000", scheme: "http" },
])("forwarded headers from $from mean the client $address", ({ from, ...expected }) => {
  const request = new Request("http://10.0.0.9:8000/", { headers: FORWARDED });
  assert.deepEqual(clientOf(request, from, parseTrustedProxies("10.0.0.0/8, ::1")), expected);
});

Deno.test("Forwarded (RFC 7239) is read as X-Forwarded-* is", () => {
  const forwarded = 'for="[2001:db8::7]:4711";proto=https;host="postrider.example"';
  const request = new Request("http://10.0.0.9:8000/", { headers: { forwarded } });
  assert.deepEqual(clientOf(request, "::1", parseTrustedProxies("::1")), {
    address: "2001:db8::7",
    host: "postrider.example",
    scheme: "https",
  });
});

Deno.test.each(["proxy.example", "10.0.0.0/33", "10.0.0", "*"])(
  "%j is no trusted proxy",
  (text) => void assert.throws(() => parseTrustedProxies(text), RangeError),
);

Deno.test.each(["/openapi.json", "/docs", "/ui/send", "/metrics/grafana.json"])(
  "%s is compressed for clients that accept it",
  async (path) => {
    await using api = await Api.open();
    const plain = await api.raw(path);
    const text = await plain.text();
    const headers = { "accept-encoding": "br;q=1.0, gzip" };
    const response = await api.raw(path, { headers });
    assert.equal(response.headers.get("content-encoding"), "gzip");
    assert.match(response.headers.get("vary") ?? "", /accept-encoding/);
    const bytes = new Uint8Array(await response.arrayBuffer());
    assert.ok(bytes.length < text.length / 2);
    assert.equal(gunzipSync(bytes).toString().length, text.length);
    for (const encoding of ["gzip;q=0, br", "*, gzip;q=0", "identity"]) {
      const refused = await api.raw(path, { headers: { "accept-encoding": encoding } });
      assert.equal(refused.headers.get("content-encoding"), null, encoding);
      await refused.body?.cancel();
    }
  },
);

Deno.test.each(["/ui/assets/dashboard.css", "/openapi.json"])(
  "%s has a weak ETag, found in any form of If-None-Match",
  async (path) => {
    await using api = await Api.open();
    const first = await api.raw(path);
    await first.body?.cancel();
    const etag = first.headers.get("etag") ?? "";
    assert.match(etag, /^W\/"[\w-]+"$/);
    for (const given of [etag, etag.slice(2), `"other", ${etag}`, "*"]) {
      const again = await api.raw(path, { headers: { "if-none-match": given } });
      assert.equal(again.status, 304, given);
      assert.equal(await again.text(), "");
    }
    const changed = await api.raw(path, { headers: { "if-none-match": '"other"' } });
    assert.equal(changed.status, 200);
    await changed.body?.cancel();
  },
);

Deno.test.each(["/", "/ui/tasks", "/metrics", "/openapi.json", "/ui/assets/dashboard.js", "/docs"])(
  "HEAD %s has the length of GET",
  async (path) => {
    await using api = await Api.open();
    const bytes = new Uint8Array(await (await api.raw(path)).arrayBuffer());
    const head = await api.raw(path, { method: "HEAD" });
    assert.equal(await head.text(), "");
    // Ages and figures of a page move by a few digits.
    const length = Number(head.headers.get("content-length"));
    assert.ok(Math.abs(length - bytes.length) < 200 && length > 0, `${length} ${bytes.length}`);
  },
);

Deno.test("no response of the API is cached, or guessed at by a browser", async () => {
  await using api = await Api.open();
  const task = await api.accept();
  for (const path of ["/tasks", `/tasks/${task}`, "/status", "/nothing", "/livez", "/metrics"]) {
    const { headers } = await api.get(path);
    assert.equal(headers.get("cache-control"), "no-store", path);
    assert.equal(headers.get("x-content-type-options"), "nosniff", path);
  }
});

Deno.test("a browser gets a page with a way back for a path that does not exist, a program a problem", async () => {
  await using api = await Api.open({ basePath: BASE });
  const headers = { accept: "text/html,application/xhtml+xml,*/*;q=0.8" };
  for (const path of ["/ui", "/ui/nothing", "/nothing", "/manual/nothing"]) {
    const page = await api.raw(BASE + path, { headers });
    assert.equal(page.status, 404, path);
    assert.match(page.headers.get("content-type") ?? "", /^text\/html/, path);
    assert.match(await page.text(), /<a href="\/postrider\/">/, path);
    const problem = await api.raw(BASE + path);
    assert.equal(problem.headers.get("content-type"), "application/problem+json", path);
    await problem.body?.cancel();
  }
  const page = await api.raw(`${BASE}/fetch`, { headers });
  assert.deepEqual([page.status, page.headers.get("allow")], [405, "POST"]);
  await page.body?.cancel();
});

Deno.test("a method that is a name of JavaScript is not allowed", async () => {
  await using api = await Api.open();
  const response = await api.raw("/livez", { method: "constructor" });
  assert.equal(response.status, 405);
  assert.equal(response.headers.get("content-type"), "application/problem+json");
  await response.body?.cancel();
});
