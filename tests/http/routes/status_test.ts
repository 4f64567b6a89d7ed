import assert from "node:assert/strict";
import { EngineError, type QueueEngine } from "../../../src/queue/engine.ts";
import { Api } from "../../support/api.ts";

Deno.test("/status shows the state of the service", async () => {
  const threads = [{ number: 1, attempts: 2, silentMs: 3 }];
  await using api = await Api.open({
    ports: { worker: () => ({ running: 1, concurrency: 8, threads, lost: [] }) },
  });
  await api.accept();
  await api.post("/notify", { to: "ada@example.org", subject: "s" });
  const tasks = [...await api.claim(), ...await api.claim()];
  await api.clock.advance(1_500);
  const { body } = await api.get("/status");
  for (const task of tasks) await api.settle(task);
  assert.deepEqual(body, {
    version: "1.2.3",
    uptime: 1,
    engine: "memory",
    durable: false,
    durability: "memory",
    accepting: true,
    running: 1,
    concurrency: 8,
    counts: { queued: 0, running: 2, succeeded: 0, failed: 0, cancelled: 0, expired: 0 },
    queued: { due: 0, scheduled: 0, retrying: 0, paused: 0, oldestDueSeconds: 0 },
    nodes: [{
      name: "local",
      role: "all",
      version: "1.2.3",
      since: "2026-01-01T00:00:00.000Z",
      running: 1,
      concurrency: 8,
      seen: "2026-01-01T00:00:01.500Z",
    }],
    rates: { accepted: 0.03, settled: 0 },
    latency: { accept: { p50: 0, p95: 0, p99: 0 }, finish: {} },
    hosts: [{ lane: "https://example.org:443", running: 1, limit: 64 }],
    relays: [{ lane: "mail:localhost:25", running: 1, limit: 64 }],
    threads,
  });
  assert.deepEqual((await api.get("/status")).body.latency.finish, {
    p50: 1_500,
    p95: 1_500,
    p99: 1_500,
  });
});

Deno.test("/status says why a host is held", async () => {
  await using api = await Api.open();
  await api.accept();
  await api.finish(1, {
    kind: "deferred",
    error: { code: "http_429", detail: "Slow down" },
    hold: { forMs: 2_000, reason: "429 with Retry-After: 2" },
  });
  const [host] = (await api.get("/status")).body.hosts;
  assert.equal(host.heldUntil, "2026-01-01T00:00:02.000Z");
  assert.equal(host.reason, "429 with Retry-After: 2");
});

Deno.test("/status/{id} shows a task in brief", async () => {
  await using api = await Api.open();
  const id = await api.accept();
  assert.deepEqual((await api.get(`/status/${id}`)).body, {
    id,
    type: "fetch",
    state: "queued",
    attempt: 0,
    dueAt: "2026-01-01T00:00:00.000Z",
  });
});

Deno.test("/livez lists the lost threads and the reason", async () => {
  const lost = [{ at: Date.UTC(2026, 0, 1), reason: "no answer for 5 s" }];
  await using api = await Api.open({
    ports: { worker: () => ({ running: 0, concurrency: 8, threads: [], lost }) },
  });
  const { status, body } = await api.get("/livez");
  assert.equal(status, 200);
  assert.deepEqual(body.lost, [{ at: "2026-01-01T00:00:00.000Z", reason: "no answer for 5 s" }]);
});

Deno.test.each([
  { why: "all is well", parts: {}, status: 200 },
  { why: "it is stopping", parts: { ready: () => false }, status: 503 },
  { why: "nothing is accepted", parts: { accepting: () => false }, status: 503 },
  {
    why: "the engine is away",
    parts: {
      engine: (memory: QueueEngine) =>
        Object.assign(Object.create(memory), {
          counts: () => Promise.reject(new EngineError("gone")),
          watch: memory.watch.bind(memory),
          [Symbol.asyncDispose]: () => memory[Symbol.asyncDispose](),
        }),
    },
    status: 503,
  },
])("/readyz is $status when $why, while /livez is 200", async ({ parts, status }) => {
  await using api = await Api.open(parts);
  assert.equal((await api.get("/readyz")).status, status);
  assert.equal((await api.get("/livez")).status, 200);
});

Deno.test("no figure is negative after the system clock was set back", async () => {
  await using api = await Api.open();
  await api.accept();
  const [task] = await api.claim();
  await api.clock.advance(2_000);
  api.clock.jump(-3_600_000);
  if (task) await api.settle(task);
  const { uptime, latency } = (await api.get("/status")).body;
  assert.deepEqual({ uptime, finish: latency.finish }, {
    uptime: 2,
    finish: { p50: 0, p95: 0, p99: 0 },
  });
});

Deno.test("a queue that does not answer within three seconds makes the service not ready", async () => {
  let answers = true;
  await using api = await Api.open({
    engine: (memory) =>
      new Proxy(memory, {
        get(target, name) {
          const value = Reflect.get(target, name, target);
          if (name === "counts" && !answers) return () => new Promise(() => {});
          return typeof value === "function" ? value.bind(target) : value;
        },
      }),
  });
  assert.equal((await api.get("/readyz")).status, 200);
  answers = false;
  const asked = api.get("/readyz");
  await api.clock.advance(2_999);
  await api.clock.advance(1);
  const { status, body, headers } = await asked;
  assert.deepEqual([status, body.reason], [503, "engine_down"]);
  assert.ok(Number(headers.get("retry-after")) > 0);
});
