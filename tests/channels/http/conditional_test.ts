import assert from "node:assert/strict";
import { openValidators } from "../../../src/channels/http/validators.ts";
import type { FetchPayload } from "../../../src/task/payloads.ts";
import { FakeClock } from "../../support/fake_clock.ts";
import { aFolder } from "../../support/process.ts";
import { aContext, aFetch, anAttempt } from "../support/attempts.ts";
import { openTestHttp } from "../support/http_channel.ts";
import { serveHttp } from "../support/http_servers.ts";

// deno-lint-ignore no-explicit-any -- results are JSON of many shapes
type Any = any;

/** Serves one version of a page by ETag; `/away` redirects to it. */
function servePage() {
  const page = { etag: 'W/"1"', body: "one" };
  const conditions: (string | null)[] = [];
  const server = serveHttp((request) => {
    if (request.url.endsWith("/away")) {
      return new Response(null, { status: 302, headers: { location: "/page" } });
    }
    const condition = request.headers.get("if-none-match");
    conditions.push(condition);
    const headers = { etag: page.etag };
    return condition === page.etag
      ? new Response(null, { status: 304, headers })
      : new Response(page.body, { headers });
  });
  return { page, conditions, server };
}

async function setup() {
  const downloads = await aFolder();
  const { page, conditions, server } = servePage();
  const fetch = async (path: string, more: Partial<FetchPayload> = {}): Promise<Any> => {
    // A channel of its own each time, as after a restart.
    await using channel = openTestHttp({ downloads: downloads.path });
    const payload = aFetch(server.url + path, { ifChanged: { owner: "ada" }, ...more });
    return await channel.deliver(anAttempt(payload), aContext());
  };
  return {
    page,
    conditions,
    fetch,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await downloads[Symbol.asyncDispose]();
    },
  };
}

Deno.test("a response that has not changed is notModified, and a changed one is returned", async () => {
  await using world = await setup();
  const { page, conditions, fetch } = world;
  assert.equal((await fetch("/page")).result.body, "one");
  const { kind, result } = await fetch("/page", {
    save: true,
    extract: { words: true },
    expect: { status: [200], json: { "/a": 1 } },
  });
  assert.equal(kind, "delivered");
  assert.deepEqual([result.status, result.notModified], [304, true]);
  assert.deepEqual([result.saved, result.extracted], [undefined, undefined]);
  Object.assign(page, { etag: '"2"', body: "two" });
  assert.equal((await fetch("/page")).result.body, "two");
  assert.equal((await fetch("/page")).result.notModified, true);
  assert.deepEqual(conditions, [null, 'W/"1"', 'W/"1"', '"2"']);
});

Deno.test("another owner, another URL and a request without ifChanged get the whole response", async () => {
  await using world = await setup();
  const { fetch, conditions } = world;
  await fetch("/page");
  for (
    const [path, more] of [
      ["/page", { ifChanged: { owner: "bob" } }],
      ["/page", { ifChanged: {} }],
      ["/page?x", {}],
      ["/page", { ifChanged: undefined as never }],
    ] as const
  ) {
    const { result } = await fetch(path, more);
    assert.equal(result.status, 200);
  }
  assert.deepEqual(conditions, Array(5).fill(null));
});

Deno.test("after a redirect, the page that answers is asked whether it has changed", async () => {
  await using world = await setup();
  assert.equal((await world.fetch("/away")).result.body, "one");
  const { result } = await world.fetch("/away");
  assert.equal(result.notModified, true);
  assert.equal(result.hops.length, 1);
});

Deno.test("a response that is not as expected is not remembered", async () => {
  await using world = await setup();
  const expect = { headers: { "x-none": "x" } };
  assert.equal((await world.fetch("/page", { expect })).kind, "deferred");
  assert.equal((await world.fetch("/page")).result.status, 200);
});

Deno.test("a caller's own condition is sent instead", async () => {
  await using world = await setup();
  await world.fetch("/page");
  const { result } = await world.fetch("/page", { headers: { "if-none-match": '"mine"' } });
  assert.equal(result.status, 200);
  assert.equal(world.conditions[1], '"mine"');
});

Deno.test("what identifies a response is forgotten with the retention, and beyond the most that are kept", async () => {
  await using folder = await aFolder();
  const clock = new FakeClock(Date.now());
  const validators = openValidators({ folder: folder.path, retentionMs: 60_000, clock, max: 3 });
  const url = new URL("http://a.org/");
  const head = (etag?: string) => ({ status: 200, headers: etag === undefined ? {} : { etag } });
  await validators.keep("ada", "u", url, head('"1"'));
  assert.deepEqual(await validators.find("ada", "u"), { url: url.href, etag: '"1"' });
  assert.equal(await validators.find("bob", "u"), undefined);
  await clock.advance(59_999);
  assert.ok(await validators.find("ada", "u"));
  await clock.advance(1);
  assert.equal(await validators.find("ada", "u"), undefined);
  await validators.keep("ada", "u", url, head());
  assert.equal(await validators.find("ada", "u"), undefined);
  for (let n = 0; n < 500; n++) await validators.keep("ada", `${n}`, url, head('"1"'));
  const names = [...Deno.readDirSync(folder.path)].map(({ name }) => name);
  assert.ok(names.length <= 3, `${names.length}`);
  assert.ok(names.every((name) => /^[0-9a-f]{64}\.json$/.test(name)));
});
