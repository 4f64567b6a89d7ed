/**
 * Callbacks, follow-up tasks and the completion of a batch, end to end.
 *
 * @module
 */

import assert from "node:assert/strict";
import { Webhook } from "standardwebhooks";
import { aFolder, startPostrider } from "../support/process.ts";

const SECRET = `whsec_${btoa("k".repeat(32))}`;

interface ReceivedEvent {
  readonly headers: Record<string, string>;
  readonly body: string;
  // deno-lint-ignore no-explicit-any -- events of many shapes
  readonly event: any;
}

/** Answers each page with the status in its path and records callbacks; refuses the first `refused`. */
function startSite(refused = 0) {
  const received: ReceivedEvent[] = [];
  let waiting = { count: Infinity, resolve: () => {} };
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    const { pathname } = new URL(request.url);
    if (pathname !== "/received") {
      return new Response("page", { status: Number(pathname.slice(1)) });
    }
    const body = await request.text();
    const headers = Object.fromEntries(request.headers);
    received.push({ headers, body, event: JSON.parse(body) });
    if (received.length >= waiting.count) waiting.resolve();
    return new Response(null, { status: received.length <= refused ? 500 : 200 });
  });
  return {
    host: `127.0.0.1:${server.addr.port}`,
    received(count: number): Promise<ReceivedEvent[]> {
      return new Promise((resolve) => {
        waiting = { count, resolve: () => resolve(received) };
        if (received.length >= count) resolve(received);
      });
    },
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

async function setup(refused = 0) {
  const folder = await aFolder();
  const site = startSite(refused);
  const postrider = startPostrider({
    data: `${folder.path}/data`,
    env: { POSTRIDER_FETCH_ALLOW: site.host, POSTRIDER_WEBHOOK_SECRET: SECRET },
  });
  const api = await postrider.listening;
  return {
    api,
    site,
    page: (status: number) => `http://${site.host}/${status}`,
    callback: `http://${site.host}/received`,
    children: async (id: string) =>
      (await api.call<{ data: { id: string }[] }>(`/tasks?parent=${id}`)).body.data,
    async [Symbol.asyncDispose]() {
      await postrider[Symbol.asyncDispose]();
      await site[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

Deno.test("a callback is a task of its own, and an independent library verifies its signature", async () => {
  await using world = await setup(1);
  const { api, site } = world;
  const { body: { id } } = await api.call<{ id: string }>("/fetch", {
    url: world.page(404),
    callback: world.callback,
    tags: ["build"],
  });
  await site.received(1);
  const [child] = await world.children(id);
  assert.ok(child);
  const ran = await fetch(`${api.url}/tasks/${child.id}/run`, { method: "POST" });
  await ran.body?.cancel();
  const [first, second] = await site.received(2) as [ReceivedEvent, ReceivedEvent];
  for (const { headers, body } of [first, second]) {
    assert.deepEqual(new Webhook(SECRET).verify(body, headers), JSON.parse(body));
  }
  assert.equal(first.headers["webhook-id"], child.id);
  assert.equal(first.headers["webhook-id"], second.headers["webhook-id"]);
  assert.deepEqual(first.event, second.event);
  const { type, data } = first.event;
  assert.equal(type, "task.failed");
  assert.deepEqual({
    id: data.id,
    code: data.error.code,
    status: data.result.status,
    final: data.final,
  }, { id, code: "http_404", status: 404, final: true });
  const task = await api.final(child.id);
  assert.deepEqual({ state: task.state, attempt: task.attempt }, {
    state: "succeeded",
    attempt: 2,
  });
});

Deno.test("onSuccess runs after a success with its placeholders filled in", async () => {
  await using world = await setup();
  const { api } = world;
  const { body: { id } } = await api.call<{ id: string }>("/fetch", {
    url: world.page(201),
    onSuccess: {
      fetch: { url: world.callback, json: { status: "{{task.result.status}}", by: "{{task.id}}" } },
    },
    onFailure: { fetch: { url: world.page(500) } },
  });
  const [{ event }] = await world.site.received(1) as [ReceivedEvent];
  assert.deepEqual(event, { status: 201, by: id });
  assert.equal((await world.children(id)).length, 1);
});

Deno.test("onComplete runs once with the counts of the batch", async () => {
  await using world = await setup();
  const { api } = world;
  const { body: { id } } = await api.call<{ id: string }>("/fetch", {
    urls: [200, 404, 202].map(world.page),
    onComplete: {
      fetch: {
        url: world.callback,
        json: { text: "{{batch.counts.succeeded}} of {{batch.total}}", list: "{{batch.list}}" },
      },
    },
  });
  const [{ event }] = await world.site.received(1) as [ReceivedEvent];
  assert.equal(event.text, "2 of 3");
  assert.match(event.list, /^succeeded {2}GET .*\/200\nfailed {2}GET .*\/404 {2}\(http_404\)\n/);
  assert.equal((await world.children(id)).length, 1);
});
