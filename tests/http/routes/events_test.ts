import assert from "node:assert/strict";
import { parseApiKeys } from "../../../src/http/auth/auth.ts";
import type { RunningTask } from "../../../src/task/ports.ts";
import { Api } from "../../support/api.ts";
import { Events } from "../../support/events.ts";

async function watch(api: Api, path = "/events", lastEventId?: string): Promise<Events> {
  const headers = lastEventId === undefined ? {} : { "last-event-id": lastEventId };
  return new Events(await api.raw(path, { headers }));
}

Deno.test("/events sends each change of each task with its number", async () => {
  await using api = await Api.open();
  await using events = await watch(api);
  assert.equal((await events.next())?.text, "retry: 1000\nid: 0");
  const id = await api.accept();
  await api.finish();
  const at = "2026-01-01T00:00:00.000Z";
  for (
    const [number, state, attempt] of [[1, "queued", 0], [2, "running", 1], [3, "succeeded", 1]]
  ) {
    const { text: _, ...told } = await events.next() ?? assert.fail();
    assert.deepEqual(told, {
      id: `${number}`,
      event: "task",
      data: { id, type: "fetch", state, attempt, at },
    });
  }
});

Deno.test("after a gap each changed task is sent once in its current state, then live changes follow", async () => {
  await using api = await Api.open();
  const old = await api.accept();
  await using first = await watch(api);
  const seen = (await first.next())?.text.match(/id: (\d+)/)?.[1];
  await first[Symbol.asyncDispose]();
  const missed = await api.accept();
  assert.deepEqual(await api.finish(2), [old, missed]);
  await using events = await watch(api, "/events", seen);
  await events.next();
  const again = [await events.next(), await events.next()];
  assert.deepEqual(again.map((event) => [event?.data.id, event?.data.state]), [
    [old, "succeeded"],
    [missed, "succeeded"],
  ]);
  const fresh = await api.accept();
  assert.equal((await events.next())?.data.id, fresh);
});

Deno.test("a gap of more than one page is sent completely and in order", async () => {
  await using api = await Api.open();
  const urls = Array.from({ length: 450 }, (_, i) => `https://example.org/${i}`);
  await api.post("/fetch", { urls });
  await using events = await watch(api, "/events", "0");
  await events.next();
  const ids: number[] = [];
  while (ids.length < 450) ids.push(Number((await events.next())?.id));
  assert.deepEqual(ids, Array.from({ length: 450 }, (_, i) => i + 1));
});

Deno.test("a slow reader delays nothing and misses no task", async () => {
  await using api = await Api.open({ maxQueued: 10_000 });
  await using events = await watch(api);
  await events.next();
  const urls = Array.from({ length: 3_000 }, (_, i) => `https://example.org/${i}`);
  const batch = await api.post("/fetch", { urls });
  await api.delete(`/batches/${batch.body.id}`);
  const states = new Map<string, string>();
  while ([...states.values()].filter((state) => state === "cancelled").length < 3_000) {
    const { data } = await events.next() ?? assert.fail();
    states.set(data.id, data.state);
  }
  assert.equal(states.size, 3_000);
});

Deno.test("an unknown Last-Event-ID belongs to another queue: all tasks are sent", async () => {
  await using api = await Api.open();
  const id = await api.accept();
  await using events = await watch(api, "/events", "999");
  assert.equal((await events.next())?.text, "retry: 1000\nid: 0");
  assert.equal((await events.next())?.data.id, id);
});

Deno.test("a Last-Event-ID that is not a number is refused", async () => {
  await using api = await Api.open();
  const { status, body } = await api.get("/events", { "last-event-id": "x" });
  assert.equal(status, 422);
  assert.equal(body.code, "invalid");
});

Deno.test("/tasks/{id}/events sends the current state, the changes, and ends with the task", async () => {
  await using api = await Api.open();
  const id = await api.accept();
  await api.accept();
  await using events = await watch(api, `/tasks/${id}/events`);
  assert.equal((await events.next())?.data.state, "queued");
  await api.finish();
  assert.equal((await events.next())?.data.state, "running");
  const last = await events.next();
  assert.equal(last?.data.state, "succeeded");
  assert.equal(await events.next(), undefined);
  const again = await api.raw(`/tasks/${id}/events`, {
    headers: { "last-event-id": last?.id ?? "" },
  });
  assert.equal(again.status, 204);
});

Deno.test("progress events have no id and are sent at most four times a second", async () => {
  let running: RunningTask[] = [];
  await using api = await Api.open({
    ports: {
      runningTasks: () => running,
      worker: () => ({ running: 1, concurrency: 8, threads: [], lost: [] }),
    },
  });
  const id = await api.accept();
  await api.claim();
  await using events = await watch(api, `/tasks/${id}/events`);
  await events.next();
  running = [{ id, type: "fetch", attempt: 1, progress: { bytes: 5, totalBytes: 9, rate: 2 } }];
  const next = events.next();
  await api.clock.advance(250);
  const { id: number, data } = await next ?? assert.fail();
  assert.equal(number, undefined);
  assert.deepEqual(data.progress, { bytes: 5, totalBytes: 9, rate: 2 });
  assert.equal(data.state, "running");
});

Deno.test.each([{ path: "/events" }, { path: "task" }])(
  "a stream of $path sends a keep-alive every 15 s and ends when the service stops",
  async ({ path }) => {
    await using api = await Api.open();
    const id = await api.accept();
    await using events = await watch(api, path === "task" ? `/tasks/${id}/events` : path);
    await events.next();
    const next = events.next();
    await api.clock.advance(15_000);
    assert.equal((await next)?.text, ": keep-alive");
    const last = events.next();
    api.closing.abort();
    assert.equal(await last, undefined);
  },
);

Deno.test("/events needs the scope read; the owner of a task may read its events", async () => {
  await using api = await Api.open({
    keys: parseApiKeys("own:a:fetch,other:b:fetch,eye:c:read"),
    anonymous: "refused",
  });
  const key = (secret: string) => ({ authorization: `Bearer ${secret}` });
  const id = await api.accept({}, key("a"));
  assert.equal((await api.get("/events", key("a"))).status, 403);
  assert.equal((await api.get(`/tasks/${id}/events`, key("b"))).status, 404);
  for (const [path, secret] of [["/events", "c"], [`/tasks/${id}/events`, "a"]] as const) {
    const response = await api.raw(path, { headers: key(secret) });
    assert.equal(response.status, 200);
    await response.body?.cancel();
  }
});
