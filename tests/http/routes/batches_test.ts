import assert from "node:assert/strict";
import type { Outcome } from "../../../src/task/outcome.ts";
import type { RunningTask } from "../../../src/task/ports.ts";
import { Api } from "../../support/api.ts";
import { settled } from "../../support/fake_clock.ts";

const REJECTED: Outcome = { kind: "rejected", error: { code: "http_404", detail: "Gone" } };

async function submit(api: Api, hosts: string[], more: Record<string, unknown> = {}) {
  const urls = hosts.map((host) => `https://${host}.example/`);
  return (await api.post("/fetch", { urls, ...more })).body.id as string;
}

/** Reads a stream piece by piece. */
function reader(response: Response) {
  const pieces = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  return {
    next: async () => (await pieces?.read())?.value,
    leave: () => pieces?.cancel(),
  };
}

Deno.test("a batch shows the states of its tasks and whether it is done", async () => {
  await using api = await Api.open();
  const id = await submit(api, ["a", "b", "c", "d"]);
  await api.finish(1);
  assert.deepEqual((await api.get(`/batches/${id}`)).body, {
    id,
    total: 4,
    counts: { queued: 3, running: 0, succeeded: 1, failed: 0, cancelled: 0, expired: 0 },
    done: false,
    progress: { finished: 0.25, bytes: 0, totalBytes: 0, rate: 0 },
  });
  await api.finish(3, REJECTED);
  const { body } = await api.get(`/batches/${id}`);
  assert.deepEqual({
    done: body.done,
    finished: body.progress.finished,
    failed: body.counts.failed,
  }, { done: true, finished: 1, failed: 3 });
  const { progress: _, ...brief } = body;
  assert.deepEqual((await api.get(`/status/${id}`)).body, brief);
});

Deno.test("the progress of a batch counts its own running tasks only", async () => {
  const running: RunningTask[] = [];
  await using api = await Api.open({ ports: { runningTasks: () => running } });
  const id = await submit(api, ["a", "b"]);
  const of = (batchId: string, bytes: number, totalBytes?: number) =>
    running.push({
      id: "tsk_1",
      type: "fetch",
      attempt: 1,
      batchId,
      progress: { bytes, ...(totalBytes === undefined ? {} : { totalBytes }), rate: bytes / 2 },
    });
  of(id, 10, 100);
  of("bat_other", 1_000, 1_000);
  of(id, 30, 50);
  const progress = async () => (await api.get(`/batches/${id}`)).body.progress;
  assert.deepEqual(await progress(), { finished: 0, bytes: 40, totalBytes: 150, rate: 20 });
  const result = { bytes: 1_000 };
  await api.finish(1, { kind: "delivered", result });
  assert.deepEqual(await progress(), { finished: 0.5, bytes: 1_040, totalBytes: 1_150, rate: 20 });
  of(id, 2);
  assert.deepEqual(
    await progress(),
    { finished: 0.5, bytes: 1_042, rate: 21 },
    "of one nobody knows",
  );
});

Deno.test("?wait responds as soon as the batch is done", async () => {
  await using api = await Api.open();
  const id = await submit(api, ["a", "b"]);
  const answer = api.get(`/batches/${id}?wait=30s`);
  let answered = false;
  answer.then(() => answered = true);
  await api.finish(1);
  await settled();
  assert.equal(answered, false);
  await api.finish(1);
  assert.equal((await answer).body.done, true);
});

Deno.test("DELETE cancels the tasks of a batch that are not final", async () => {
  await using api = await Api.open();
  const id = await submit(api, ["a", "b"]);
  await api.accept();
  const [task] = await api.claim();
  await api.settle(task ?? assert.fail());
  const { status, body } = await api.delete(`/batches/${id}`);
  assert.equal(status, 200);
  assert.equal(body.counts.cancelled, 1);
  assert.equal(body.done, true);
  const [cancelled] = (await api.get(`/tasks?batch=${id}&state=cancelled`)).body.data;
  assert.equal(cancelled.reason, "batch");
  assert.equal((await api.get("/tasks?state=queued")).body.data.length, 1);
});

Deno.test("each result is sent as soon as its task is final, and then the stream ends", async () => {
  await using api = await Api.open();
  const id = await submit(api, ["a", "b", "c"]);
  await api.finish(1, { kind: "delivered", result: { status: 200 } });
  const response = await api.raw(`/batches/${id}/results`);
  assert.equal(response.headers.get("content-type"), "application/x-ndjson");
  const lines = reader(response);
  const first = JSON.parse(await lines.next() ?? "");
  assert.equal(first.state, "succeeded");
  assert.deepEqual(first.result, { status: 200 });
  assert.match(first.payload.url, /^https:\/\/[abc]\.example\/$/);
  await api.finish(1, REJECTED);
  assert.equal(JSON.parse(await lines.next() ?? "").state, "failed");
  await api.delete(`/batches/${id}`);
  assert.equal(JSON.parse(await lines.next() ?? "").state, "cancelled");
  assert.equal(await lines.next(), undefined);
});

Deno.test("the results of a finished batch are sent at once, each once", async () => {
  await using api = await Api.open();
  const id = await submit(api, Array.from({ length: 100 }, (_, i) => `h${i}`));
  await api.finish(100);
  const { body } = await api.get(`/batches/${id}/results`);
  const ids = body.trimEnd().split("\n").map((line: string) => JSON.parse(line).id);
  assert.equal(ids.length, 100);
  assert.equal(new Set(ids).size, 100);
});

Deno.test("the results of a finished batch are in the order in which its tasks ended", async () => {
  await using api = await Api.open();
  const id = await submit(api, ["a", "b", "c"]);
  const [a, b, c] = await api.claim(3);
  for (const task of [c, a, b]) await api.settle(task ?? assert.fail());
  const { body } = await api.get(`/batches/${id}/results`);
  const urls = body.trimEnd().split("\n").map((line: string) => JSON.parse(line).payload.url);
  assert.deepEqual(urls, ["https://c.example/", "https://a.example/", "https://b.example/"]);
});

Deno.test("a stream of results sends a keep-alive every 15 seconds", async () => {
  await using api = await Api.open();
  const id = await submit(api, ["a"]);
  const lines = reader(await api.raw(`/batches/${id}/results`));
  const first = lines.next();
  await settled();
  await api.clock.advance(15_000);
  assert.equal(await first, "\n");
  const second = lines.next();
  await settled();
  await api.finish();
  assert.equal(JSON.parse(await second ?? "").state, "succeeded");
  assert.equal(await lines.next(), undefined);
});

Deno.test("a reader of results that disconnects cancels nothing and leaves no watcher", async () => {
  let watchers = 0;
  await using api = await Api.open({
    engine: (memory) => {
      const watch = memory.watch.bind(memory);
      memory.watch = (what, listener) => {
        watchers++;
        const unwatch = watch(what, listener);
        return () => {
          watchers--;
          unwatch();
        };
      };
      return memory;
    },
  });
  const id = await submit(api, ["a"]);
  const before = watchers;
  const { waiting } = api.clock;
  const response = await api.raw(`/batches/${id}/results`);
  assert.equal(watchers, before + 1);
  await response.body?.cancel();
  assert.equal(watchers, before);
  await api.clock.advance(15_000);
  assert.equal(api.clock.waiting, waiting);
  assert.equal((await api.get(`/batches/${id}`)).body.counts.queued, 1);
});

Deno.test("a stream of results ends when the service stops", async () => {
  await using api = await Api.open();
  const id = await submit(api, ["a"]);
  const text = (await api.raw(`/batches/${id}/results`)).text();
  await settled();
  api.closing.abort();
  assert.equal(await text, "");
});

Deno.test("HEAD of results responds at once", async () => {
  await using api = await Api.open();
  const id = await submit(api, ["a"]);
  const { waiting } = api.clock;
  assert.equal((await api.call("HEAD", `/batches/${id}/results`)).status, 200);
  assert.equal(api.clock.waiting, waiting);
});

Deno.test("a batch runs at most its concurrency at once, and a single request has none", async () => {
  await using api = await Api.open();
  const urls = ["https://a.example.org/", "https://b.example.org/", "https://c.example.org/"];
  const { status, body } = await api.post("/fetch", { urls, concurrency: 2 });
  assert.equal(status, 202);
  assert.equal((await api.claim(9)).length, 2);
  assert.equal((await api.get(`/batches/${body.id}`)).body.counts.running, 2);
  for (const concurrency of [0, 1.5, "2", 10_001]) {
    const refused = await api.post("/fetch", { urls, concurrency });
    assert.equal(refused.body.errors[0].pointer, "/concurrency");
  }
  const single = await api.post("/fetch", { url: urls[0], concurrency: 2 });
  assert.equal(single.body.errors[0].pointer, "/concurrency");
});
