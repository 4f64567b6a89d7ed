/**
 * The service behind the proxies of the manual, as Debian has them, with their
 * default settings.
 *
 * @module
 */

import assert from "node:assert/strict";
import { needs } from "../support/needs.ts";
import { aFolder, ROOT, startPostrider } from "../support/process.ts";
import { freePort, startNginx, startProxy } from "../support/proxies.ts";

const MANUAL = Deno.readTextFileSync(`${ROOT}src/manual/proxies.md`);
const KEYS = { POSTRIDER_API_KEYS: "ada:ada-secret" };
const KEY = { authorization: "Bearer ada-secret" };

/** Reads a stream until a text comes. */
async function readUntil(response: Response, text: RegExp): Promise<string> {
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let read = "";
  while (!text.test(read)) {
    const { value, done } = await reader.read();
    if (done) break;
    read += value;
  }
  await reader.cancel();
  return read;
}

/** What a browser does: signs in, and follows the dashboard with the cookie. */
async function signIn(url: string, headers: Record<string, string>): Promise<Response> {
  const response = await fetch(`${url}/ui/signin`, {
    method: "POST",
    redirect: "manual",
    headers: { "content-type": "application/x-www-form-urlencoded", ...headers },
    body: new URLSearchParams({ key: "ada-secret", next: "/ui/tasks" }),
  });
  return response;
}

Deno.test(
  "nginx with its defaults serves the API, streams and the sign-in",
  needs("nginx"),
  async () => {
    await using data = await aFolder();
    await using service = startPostrider({ data: data.path, env: KEYS });
    const { url: upstream } = await service.listening;
    const { url, proxy } = await startNginx(data.path, upstream);
    await using _proxy = proxy;
    const json = (path: string, body: unknown, headers = {}) =>
      fetch(url + path, {
        method: "POST",
        headers: { ...KEY, "content-type": "application/json", ...headers },
        body: JSON.stringify(body),
      });

    const accepted = await json("/notify", { to: "ada@example.org", subject: "s", text: "t" });
    assert.equal(accepted.status, 202);
    const { id } = await accepted.json();
    const waited = await fetch(`${url}/tasks/${id}?wait=30s`, { headers: KEY });
    assert.equal((await waited.json()).state, "succeeded");

    // A long body of an event stream would be buffered without X-Accel-Buffering: no.
    const events = await fetch(`${url}/events`, { headers: KEY });
    const seen = readUntil(events, /"state":"succeeded"/);
    const batch = await json(
      "/notify",
      { notifications: ["a", "b"].map((name) => ({ to: `${name}@example.org`, text: "t" })) },
      { accept: "application/x-ndjson" },
    );
    assert.equal((await batch.text()).trim().split("\n").length, 2);
    assert.match(await seen, /event: task/);

    const page = { origin: url, "sec-fetch-site": "same-origin" };
    const signedIn = await signIn(url, page);
    await signedIn.body?.cancel();
    assert.equal(signedIn.status, 303);
    const cookie = signedIn.headers.get("set-cookie")?.split(";")[0] ?? "";
    const tasks = await fetch(`${url}/ui/tasks`, { headers: { cookie } });
    assert.match(await tasks.text(), /Sign out/);
    const retry = await fetch(`${url}/tasks/${id}`, {
      method: "DELETE",
      headers: { cookie, ...page },
    });
    assert.equal((await retry.json()).code, "not_cancellable");

    // Over plain http a browser sends no Sec-Fetch-Site: the page names the header.
    const refused = await signIn(url, { origin: url });
    assert.equal(refused.status, 403);
    assert.match(await refused.text(), /proxy_set_header Host \$http_host/);

    // The exceptions that the manual names.
    const large = await json("/notify", { to: "a@example.org", text: "x".repeat(2 ** 20) });
    assert.equal(large.status, 413);
    await large.body?.cancel();
  },
);

Deno.test(
  "nginx as in the manual takes large bodies and the plain sign-in",
  needs("nginx"),
  async () => {
    const [, location = ""] = /location \/ \{\n([^}]*)\}/.exec(MANUAL) ?? [];
    const lines = location.split("\n").filter((line) => !/proxy_pass/.test(line)).join("\n");
    assert.match(lines, /client_max_body_size 32m/);
    await using data = await aFolder();
    const env = { ...KEYS, POSTRIDER_TRUSTED_PROXIES: "127.0.0.1" };
    await using service = startPostrider({ data: data.path, env });
    const { url: upstream } = await service.listening;
    const { url, proxy } = await startNginx(data.path, upstream, "/", lines);
    await using _proxy = proxy;
    const signedIn = await signIn(url, { origin: url });
    await signedIn.body?.cancel();
    assert.equal(signedIn.status, 303);
    const large = await fetch(`${url}/notify`, {
      method: "POST",
      headers: { ...KEY, "content-type": "application/json" },
      body: JSON.stringify({ to: "a@example.org", text: "x".repeat(2 * 2 ** 20) }),
    });
    assert.notEqual(large.status, 413, await large.text());
  },
);

Deno.test("nginx passes a base path on", needs("nginx"), async () => {
  await using data = await aFolder();
  const env = { ...KEYS, POSTRIDER_BASE_PATH: "/postrider" };
  await using service = startPostrider({ data: data.path, env });
  const { url: upstream } = await service.listening;
  const { url, proxy } = await startNginx(data.path, upstream, "/postrider/");
  await using _proxy = proxy;
  const below = `${url}/postrider`;
  const ready = await fetch(`${below}/readyz`);
  await ready.body?.cancel();
  assert.equal(ready.status, 200);
  const page = { origin: url, "sec-fetch-site": "same-origin" };
  const signedIn = await signIn(below, page);
  await signedIn.body?.cancel();
  assert.equal(signedIn.headers.get("location"), "/postrider/ui/tasks");
  const cookie = signedIn.headers.get("set-cookie")?.split(";")[0] ?? "";
  const tasks = await fetch(`${below}/ui/tasks`, { headers: { cookie } });
  const links = [...(await tasks.text()).matchAll(/ (?:href|src|action)="(\/[^"]*)"/g)];
  assert.ok(links.length > 5);
  for (const [, link = ""] of links) {
    const response = await fetch(url + link, { headers: { cookie } });
    await response.body?.cancel();
    assert.ok(response.status < 400 || response.status === 405, `${link} ${response.status}`);
  }
  const { headers } = await fetch(`${below}/fetch`, {
    method: "POST",
    headers: { ...KEY, "content-type": "application/json" },
    body: JSON.stringify({ url: "https://example.org/", delay: "1d" }),
  }).then(async (response) => (await response.body?.cancel(), response));
  assert.match(headers.get("location") ?? "", /^\/postrider\/tasks\/tsk_/);
});

Deno.test(
  "HAProxy as in the manual checks the health and serves the API",
  needs("haproxy"),
  async () => {
    const [, config = ""] = /```haproxy\n([^]*?)```/.exec(MANUAL) ?? [];
    await using data = await aFolder();
    await using service = startPostrider({ data: data.path, env: KEYS });
    const { url: upstream } = await service.listening;
    const port = freePort();
    const file = `${data.path}/haproxy.cfg`;
    const text = config.replace("bind :8080", `bind 127.0.0.1:${port}`)
      .replace("127.0.0.1:8000 check", `${new URL(upstream).host} check inter 100ms fall 1`);
    assert.notEqual(text, config);
    await Deno.writeTextFile(file, text);
    await using _proxy = await startProxy("haproxy", ["-db", "-f", file], port);
    const url = `http://127.0.0.1:${port}`;
    const status = await fetch(`${url}/status`, { headers: KEY });
    assert.equal(status.status, 200);
    await status.body?.cancel();
    const events = await fetch(`${url}/events`, { headers: KEY });
    assert.match(await readUntil(events, /id: \d+/), /retry: /);
    // A failed check would have taken the server out by now.
    const again = await fetch(`${url}/tasks`, { headers: KEY });
    assert.equal(again.status, 200);
    await again.body?.cancel();
  },
);
