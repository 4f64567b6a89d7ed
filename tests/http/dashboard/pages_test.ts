import assert from "node:assert/strict";
import { resendOf } from "../../../src/http/dashboard/curl.ts";
import { bytes, distance, duration } from "../../../src/http/dashboard/components.tsx";
import { parseApiKeys } from "../../../src/http/auth/auth.ts";
import { Api } from "../../support/api.ts";
import { Events } from "../../support/events.ts";

const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
  "frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

async function html(api: Api, path: string): Promise<string> {
  const response = await api.raw(path);
  assert.equal(response.status, 200, path);
  return await response.text();
}

Deno.test.each([
  { path: "/" },
  { path: "/ui/tasks" },
  { path: "/ui/batches" },
  { path: "/ui/lanes" },
  { path: "/ui/send" },
  { path: "/ui/signin" },
  { path: "/docs" },
  { path: "/manual" },
  { path: "/manual/tasks" },
])(
  "$path has no inline script or style and a strict policy",
  async ({ path }) => {
    await using api = await Api.open();
    const response = await api.raw(path);
    assert.equal(response.status, 200);
    assert.equal(response.headers.get("content-type"), "text/html; charset=utf-8");
    assert.equal(response.headers.get("content-security-policy"), POLICY);
    assert.equal(response.headers.get("x-content-type-options"), "nosniff");
    const text = await response.text();
    assert.doesNotMatch(
      text,
      /<script(?![^>]* src="\/ui\/assets\/)|<style|\sstyle=|\son\w+=|(?:src|href|action)="(?:https?:)?\/\//,
    );
  },
);

Deno.test("the overview shows counts, the last hour and recent failures", async () => {
  await using api = await Api.open();
  await api.accept({ url: "https://example.org/bad" });
  await api.finish(1, { kind: "rejected", error: { code: "http_404", detail: "Gone for good" } });
  await api.accept();
  const text = await html(api, "/");
  assert.match(text, /<strong>1<\/strong> <span class="badge queued">/);
  assert.match(text, /<strong>1<\/strong> <span class="badge failed">/);
  assert.match(text, /GET https:\/\/example\.org\/bad/);
  assert.match(text, /http_404: Gone for good/);
  assert.match(text, /Finished tasks per minute, last hour: 0 succeeded, 1 failed/);
  // No attempt of this process was counted with it.
  assert.match(text, />crashed or damaged<.*?class="number">1</s);
  assert.match(text, /kept in memory: they are lost when the process ends/);
});

Deno.test("the search form ignores empty fields, and the list has pages", async () => {
  await using api = await Api.open();
  const urls = Array.from({ length: 60 }, (_, i) => `https://example.org/${i}`);
  await api.post("/fetch", { urls, tags: ["x"] });
  await api.post("/notify", { to: "ada@example.org", subject: "Only this" });
  const found = await html(
    api,
    "/ui/tasks?q=only+this&state=&type=&tag=&key=&batch=&host=&parent=&reason=",
  );
  assert.match(found, /Only this/);
  assert.doesNotMatch(found, /example\.org\/1</);
  const first = await html(api, "/ui/tasks?tag=x");
  const next = /rel="next" href="([^"]+)"/.exec(first)?.[1]?.replaceAll("&amp;", "&") ??
    assert.fail();
  assert.match(next, /^\/ui\/tasks\?tag=x&cursor=c/);
  const second = await html(api, next);
  assert.equal([...first.matchAll(/name="task"/g)].length, 50);
  assert.equal([...second.matchAll(/name="task"/g)].length, 10);
});

Deno.test("the bulk actions of a search say how many tasks they change", async () => {
  await using api = await Api.open();
  for (const tag of ["one", "two", "two"]) await api.accept({ tags: [tag] });
  assert.match(await html(api, "/ui/tasks?tag=one"), />Cancel the only task</);
  assert.match(await html(api, "/ui/tasks?tag=two"), />Cancel all 2</);
});

Deno.test("an invalid search is explained beside the form", async () => {
  await using api = await Api.open();
  assert.match(
    await html(api, "/ui/tasks?state=asleep"),
    /role="alert">\/state: Expected any of queued/,
  );
  assert.match(
    await html(api, "/ui/tasks?cursor=nonsense"),
    /role="alert">Unknown cursor: start the list again/,
  );
});

Deno.test("the page of a task shows its attempts, evidence, masked payload and a command to send it again", async () => {
  await using api = await Api.open();
  const id = await api.accept({
    url: "https://example.org/?token=s3cret",
    method: "POST",
    headers: { authorization: "Bearer s3cret" },
    json: { it: "isn't", password: "s3cret" },
    retry: "10m",
    key: "k1",
  });
  await api.finish(1, {
    kind: "deferred",
    error: { code: "http_503", detail: "Away" },
    evidence: { address: "192.0.2.7" },
  });
  const text = await html(api, `/ui/tasks/${id}`);
  for (
    const word of [
      "192.0.2.7",
      "http_503: Away",
      "Attempt 2",
      "Waits for its next attempt",
      "Run now",
      "isn",
    ]
  ) {
    assert.ok(text.includes(word), word);
  }
  assert.ok(!text.includes("s3cret"));
  assert.match(text, /data-call="DELETE \/tasks\/tsk_/);
  assert.match(text, /data-undo="POST \/tasks\/tsk_\w+\/retry"/);
});

Deno.test("a mail is shown in a sandboxed frame that fetches nothing", async () => {
  await using api = await Api.open();
  const mail = '<b>Hi</b><script>alert(1)</script><img src="https://spy.example/p.gif">';
  const { body } = await api.post("/notify", { to: "ada@example.org", subject: "s", html: mail });
  const text = await html(api, `/ui/tasks/${body.id}`);
  assert.match(text, /<iframe[^>]* sandbox=""/);
  assert.ok(!text.includes("<script>alert"));
  const framed = await api.raw(`/ui/tasks/${body.id}/mail`);
  assert.equal(await framed.text(), mail);
  const policy = framed.headers.get("content-security-policy") ?? "";
  assert.match(policy, /^sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:/);
  assert.equal((await api.get(`/ui/tasks/${await api.accept()}/mail`)).status, 404);
});

Deno.test("batches are listed with their progress, and the page of a batch shows its tasks", async () => {
  await using api = await Api.open();
  const { body } = await api.post("/fetch", { urls: ["https://a.example/", "https://b.example/"] });
  await api.finish();
  assert.match(await html(api, "/ui/batches"), /50 % · 1 queued, 1 succeeded/);
  const text = await html(api, `/ui/batches/${body.id}`);
  assert.match(text, /https:\/\/a\.example\//);
  assert.match(text, new RegExp(`data-call="DELETE /batches/${body.id}"`));
  assert.equal((await api.raw("/ui/batches/bat_x")).status, 404);
});

Deno.test("the bar of a batch with a failure is not that of a good one", async () => {
  await using api = await Api.open();
  await api.post("/fetch", { urls: ["https://a.example/", "https://b.example/"] });
  await api.finish();
  assert.match(await html(api, "/ui/batches"), /<div class="bar">/);
  await api.finish(1, { kind: "rejected", error: { code: "http_404", detail: "Gone" } });
  assert.match(await html(api, "/ui/batches"), /<div class="bar bad">/);
});

Deno.test("an unknown task is an error page", async () => {
  await using api = await Api.open();
  const response = await api.raw("/ui/tasks/tsk_01jd00000000000000000000000");
  assert.equal(response.status, 404);
  assert.match(await response.text(), /No such task, or another owner(&#39;|')s/);
});

Deno.test("assets are served with an ETag and not sent again when unchanged", async () => {
  await using api = await Api.open();
  const text = await html(api, "/");
  const paths = [...text.matchAll(/(?:src|href)="(\/ui\/assets\/[^"]+)"/g)].map(([, path = ""]) =>
    path
  );
  assert.ok(paths.length >= 4, paths.join());
  for (const path of [...paths, "/ui/assets/docs.css"]) {
    const response = await api.raw(path);
    assert.equal(response.status, 200, path);
    assert.match(response.headers.get("content-type") ?? "", /javascript|css|svg/);
    assert.ok((await response.text()).length > 50);
    const etag = response.headers.get("etag") ?? "";
    const again = await api.raw(path, { headers: { "if-none-match": etag } });
    assert.equal(again.status, 304);
  }
  for (const name of ["nothing.js", "toString", "..%2Fapp.ts"]) {
    assert.equal((await api.get(`/ui/assets/${name}`)).status, 404);
  }
});

Deno.test("browsers keep the assets of a page until another version of the service has others", async () => {
  await using api = await Api.open();
  const text = await html(api, "/");
  const [path = "", version = ""] = /\/ui\/assets\/([\w-]+)\/dashboard\.js/.exec(text) ?? [];
  const cacheControlOf = async (path: string) => {
    const response = await api.raw(path);
    assert.equal(response.status, 200, path);
    await response.body?.cancel();
    return response.headers.get("cache-control");
  };
  assert.equal(await cacheControlOf(path), "public, max-age=31536000, immutable");
  assert.equal(await cacheControlOf(path.replace(version, "earlier")), "no-cache");
  assert.equal(await cacheControlOf("/ui/assets/dashboard.js"), "no-cache");
  // Each script that a script imports is one that the page loads ahead.
  const script = await (await api.raw(path)).text();
  for (const [, name = ""] of script.matchAll(/(?:from|import) "\.\/([\w.-]+)"/g)) {
    assert.ok(
      text.includes(`<link rel="modulepreload" href="/ui/assets/${version}/${name}"`),
      name,
    );
  }
});

Deno.test("a pulse is sent at once, after each change, and every second while an attempt runs", async () => {
  let running = 0;
  await using api = await Api.open({
    ports: { worker: () => ({ running, concurrency: 8, threads: [], lost: [] }) },
  });
  await using events = new Events(await api.raw("/ui/live"));
  assert.equal((await events.next())?.text, "retry: 1000\nevent: pulse\ndata: 0");
  const changed = events.next();
  await api.accept();
  await api.clock.advance(250);
  assert.equal((await changed)?.text, "retry: 1000\nevent: pulse\ndata: 1");
  running = 1;
  const moving = events.next();
  for (let i = 0; i < 4; i++) await api.clock.advance(250);
  assert.equal((await moving)?.text, "retry: 1000\nevent: pulse\ndata: 1");
});

Deno.test("durations and relative times are readable", () => {
  assert.deepEqual([0.5, 186.2, 1_500, 65_000, 7_260_000].map(duration), [
    "0.5 ms",
    "186 ms",
    "1.5 s",
    "1 min 5 s",
    "2 h 1 min",
  ]);
  assert.deepEqual([-500, -61_000, 7_200_000, 172_800_000].map(distance), [
    "now",
    "1 min ago",
    "in 2 h",
    "in 2 d",
  ]);
  assert.deepEqual([5, 1_536, 5 * 2 ** 30].map(bytes), ["5 B", "1.5 KiB", "5 GiB"]);
});

Deno.test("the command that sends a task again has its options, quotes anything, and is accepted", async () => {
  await using api = await Api.open();
  const url = "https://x.example/'$(id)'";
  const id = await api.accept({
    url,
    method: "POST",
    body: "a'b",
    key: "deploys",
    tags: ["core", "night"],
    priority: 2,
    retry: "5s, 1m, 10m*3",
    timeout: "12s",
    onUnknown: "stop",
    expires: "2h",
  });
  const task = await api.engine.find(id);
  assert.ok(task);
  const payload = JSON.parse(task.payload ?? "");
  const { command, leftOut } = resendOf(task, payload, "http://l:1", true);
  const bash = new Deno.Command("bash", {
    args: ["-c", `POSTRIDER_KEY=k; curl() { printf '%s\\n' "$@"; }; ${command}`],
  });
  const said = new TextDecoder().decode((await bash.output()).stdout);
  const [target, ...rest] = said.split("\n");
  assert.equal(target, "http://l:1/fetch");
  assert.deepEqual(rest.slice(0, 3), ["-H", "Authorization: Bearer k", "--json"]);
  const body = JSON.parse(rest.slice(3).join("\n"));
  const { key, tags, priority, retry, timeout, onUnknown } = body;
  assert.deepEqual(
    { url: body.url, body: body.body, key, tags, priority, retry, timeout, onUnknown },
    {
      url,
      body: "a'b",
      key: "deploys",
      tags: ["core", "night"],
      priority: 2,
      retry: "5s, 1m, 10m*3",
      timeout: "12s",
      onUnknown: "stop",
    },
  );
  assert.deepEqual(leftOut, ["its expiry", "callbacks and follow-ups, if it has any"]);
  assert.equal((await api.post("/fetch", body)).status, 202);
});

Deno.test("the overview says in a sentence whether the service is well", async () => {
  await using api = await Api.open();
  const overview = async () => await (await api.raw("/")).text();
  assert.match(await overview(), /All is well\./);
  const id = await api.accept();
  await api.clock.advance(120_000);
  assert.match(await overview(), /Not well:.*The oldest due task has waited for 2 min/s);
  await api.finish(1, { kind: "rejected", error: { code: "http_404", detail: "Gone" } });
  const failed = await overview();
  assert.match(
    failed,
    /Not well:.*href="\/ui\/tasks\?state=failed&amp;finishedSince=1h">1 task failed in the last hour/s,
  );
  assert.ok(failed.includes(id));
});

/** Records an attempt that failed for good. */
function failAt(api: Api, lane: string, code = "http_404"): void {
  api.parts.history.attempted({
    lane,
    outcome: "rejected",
    ms: 10,
    failure: { reason: "rejected", code },
  });
}

Deno.test("the overview groups failures by reason and by host, over the time that is chosen", async () => {
  await using api = await Api.open();
  failAt(api, "https://old.test:443", "http_410");
  await api.clock.advance(3 * 3_600_000);
  failAt(api, "https://a.test:443");
  failAt(api, "https://a.test:443");
  failAt(api, "mail:b.test:587", "smtp_550");
  const hour = await html(api, "/");
  assert.match(
    hour,
    /href="\/ui\/tasks\?state=failed&amp;reason=rejected&amp;finishedSince=1h">http_404</,
  );
  assert.match(
    hour,
    /href="[^"]*host=https%3A%2F%2Fa.test%3A443&amp;finishedSince=1h" title="[^"]*">a\.test<\/a><\/td><td[^>]*>2</,
  );
  assert.match(hour, />b\.test:587</);
  assert.doesNotMatch(hour, /old\.test/);
  const day = await html(api, "/?since=24h");
  assert.match(day, /old\.test/);
  assert.match(day, /href="\/\?since=24h" aria-current="true"/);
  assert.equal((await api.raw("/?since=8d")).status, 422);
  assert.equal((await api.raw("/?since=never")).status, 422);
});

Deno.test("the overview shows who submitted most, with links to their tasks", async () => {
  const keys = parseApiKeys("ada:ada-secret:read+fetch,bob:bob-secret:fetch");
  await using api = await Api.open({ keys, anonymous: "refused" });
  const ada = { authorization: "Bearer ada-secret" };
  await api.accept({}, ada);
  await api.post("/fetch", { urls: ["https://example.org/1", "https://example.org/2"] }, {
    authorization: "Bearer bob-secret",
  });
  const text = await (await api.raw("/", { headers: ada })).text();
  assert.match(
    text,
    /href="\/ui\/tasks\?owner=bob">bob<.*?2 <span class="unit">tasks.*owner=ada">/s,
  );
});

Deno.test("the page of hosts shows which fails most, and has buttons for operators only", async () => {
  const keys = parseApiKeys("ops:ops-secret:read+operate,eye:eye-secret:read");
  await using api = await Api.open({ keys, anonymous: "refused" });
  failAt(api, "https://few.test:443");
  for (let n = 0; n < 3; n++) failAt(api, "https://many.test:443");
  await api.engine.pause({
    id: "pau_01jgghzb00e008081040g20820",
    host: "few.test",
    by: "ops",
    createdAt: api.clock.now(),
  });
  const page = async (secret: string) =>
    await (await api.raw("/ui/lanes", { headers: { authorization: `Bearer ${secret}` } })).text();
  const seen = await page("ops-secret");
  assert.ok(seen.indexOf("many.test") < seen.indexOf("few.test"));
  assert.match(seen, /badge paused/);
  assert.ok(seen.includes('data-body="{&quot;host&quot;:&quot;https://many.test:443&quot;}"'));
  assert.match(seen, /data-call="DELETE \/pauses\/pau_01jgghzb00e008081040g20820"/);
  assert.doesNotMatch(await page("eye-secret"), /data-call/);
});

Deno.test("an unexpected error of a page is a page with a way back", async () => {
  await using api = await Api.open({
    engine: (memory) =>
      Object.defineProperty(memory, "queued", { value: () => Promise.reject(new Error("x")) }),
  });
  const response = await api.raw("/");
  assert.equal(response.status, 500);
  assert.match(response.headers.get("content-type") ?? "", /^text\/html/);
  assert.match(await response.text(), /Internal error.*Go to the overview/s);
  assert.equal(api.errors.length, 1);
});

Deno.test("the overview shows what queued tasks wait for, and the page of hosts lists pauses", async () => {
  await using api = await Api.open();
  await api.accept();
  await api.accept({ delay: "1h" });
  const { body } = await api.post("/pauses", { host: "paused.test", reason: "Maintenance" });
  const overview = await (await api.raw("/")).text();
  assert.match(overview, /due<\/span><strong>1<\/strong>/);
  assert.match(overview, /scheduled<\/span><strong>1<\/strong>/);
  assert.match(overview, /retrying<\/span><strong>0<\/strong>/);
  assert.match(overview, /href="\/ui\/lanes#pauses">1</);
  const lanes = await (await api.raw("/ui/lanes")).text();
  assert.match(lanes, /host paused\.test/);
  assert.match(lanes, /Maintenance/);
  assert.ok(lanes.includes(`data-call="DELETE /pauses/${body.id}"`));
});

Deno.test("a search for the id of a task or a batch leads to its page", async () => {
  await using api = await Api.open();
  const id = await api.accept();
  const batch = await api.post("/fetch", {
    urls: ["https://example.org/", "https://example.org/"],
  });
  const goesTo = async (q: string) =>
    (await api.raw(`/ui/tasks?${new URLSearchParams({ q })}`)).headers.get("location");
  assert.equal(await goesTo(` ${id} `), `/ui/tasks/${id}`);
  assert.equal(await goesTo(batch.body.id), `/ui/batches/${batch.body.id}`);
  const request = { "x-request-id": "req_mine" };
  const mine = await api.post("/notify", { to: "ada@example.org", subject: "s" }, request);
  assert.equal(await goesTo("req_mine "), `/ui/tasks/${mine.body.id}`);
  assert.equal(await goesTo("req_none"), null);
  assert.equal(await goesTo("tsk_x"), null);
});

Deno.test("the overview says whether the due tasks become fewer", async () => {
  await using api = await Api.open();
  const trend = async () => /<dt>Due tasks<\/dt><dd>(.*?)<\/dd>/.exec(await html(api, "/"))?.[1];
  assert.equal(await trend(), "none wait");
  for (let n = 0; n < 3; n++) await api.accept();
  assert.equal(await trend(), "none ended in the last minute");
  api.parts.history.waiting(7);
  await api.clock.advance(5 * 60_000);
  assert.equal(await trend(), "shrinking: 4 fewer than 5 min ago, done in 3 min 45 s");
  await api.clock.advance(60_000);
  assert.equal(await trend(), "growing: 3 more than 5 min ago");
  assert.match(await html(api, "/"), /due and waited, last hour: at most 7/);
});

Deno.test("a running task says when its attempt began, and a cut-off one what that means", async () => {
  const began = { at: 0 };
  await using api = await Api.open({ ports: { startedAtOf: () => began.at } });
  const id = await api.accept({ retry: 2 });
  began.at = api.clock.now();
  const [task = assert.fail()] = await api.claim();
  await api.clock.advance(120_000);
  assert.match(await html(api, "/ui/tasks?state=running"), /began <time[^>]*>2 min ago</);
  assert.match(await html(api, `/ui/tasks/${id}`), /Attempt 1<\/strong>.*?<time[^>]*>2 min ago</s);
  await api.settle(task, { kind: "unknown", error: { code: "reset", detail: "Cut off" } });
  await api.clock.advance(20_000);
  await api.finish();
  assert.match(
    await html(api, `/ui/tasks/${id}`),
    /Possible duplicate:<\/strong> attempt 1 was cut off after bytes had left.*sent again\./s,
  );
  assert.match(await html(api, "/ui/tasks"), /possible duplicate/);
});

Deno.test("the page of a task lists its follow-ups, the page of hosts who paused one", async () => {
  await using api = await Api.open();
  const mail = { to: "ops@example.org", subject: "It failed", text: "t" };
  const id = await api.accept({ retry: 0, onFailure: { notify: mail } });
  assert.doesNotMatch(await html(api, `/ui/tasks/${id}`), /It failed/);
  await api.finish(1, { kind: "rejected", error: { code: "http_404", detail: "Gone" } });
  assert.match(await html(api, `/ui/tasks/${id}`), /<h2>Follow-ups<\/h2>.*>It failed/s);
  failAt(api, "https://example.org:443");
  await api.post("/pauses", { host: "example.org", reason: "Maintenance" });
  assert.match(await html(api, "/ui/lanes"), /badge paused.*<small>by anonymous: Maintenance</s);
});

Deno.test("the overview shows how each node does", async () => {
  const node = { name: "test", role: "all" as const, version: "1.2.3", running: 3, concurrency: 8 };
  await using api = await Api.open({
    engine: (memory) =>
      Object.assign(memory, {
        cluster: {
          nodes: () => Promise.resolve([{ ...node, since: 0, seen: 0 }]),
          takeToken: () => Promise.resolve(true),
        },
      }),
  });
  failAt(api, "https://a.test:443");
  const [row = ""] = /<table id="nodes".*?<\/table>/s.exec(await html(api, "/")) ?? [];
  assert.match(row, />Attempts<.*>3 of 8<.*class="number">1<.*>100 %<.*>\d+(?:\.\d)? ms</s);
});
