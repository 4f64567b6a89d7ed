import assert from "node:assert/strict";
import {
  batchEvent,
  batchEventData,
  type EndedTask,
  taskEvent,
  taskEventData,
} from "../../src/task/event_data.ts";
import type { BatchRecord } from "../../src/task/batch.ts";
import type { Json, TaskRecord } from "../../src/task/task.ts";

const NOW = Date.UTC(2026, 0, 1);
const aTask = (result: Json): TaskRecord => ({
  id: "tsk_1",
  type: "fetch",
  channel: "http",
  lane: "https://example.org:443",
  label: "GET https://example.org/?token=***",
  createdAt: NOW,
  finishedAt: NOW + 1_000,
  priority: 5,
  timeoutMs: 1,
  onUnknown: "retry",
  state: "succeeded",
  delivery: "delivered",
  attempt: 1,
  change: 42,
  payload: '{"headers":{"authorization":"Bearer hush"}}',
  retry: [],
  attempts: [],
  result,
});

Deno.test("an event tells of the end with a number that grows, and without the payload", () => {
  const { type, timestamp, data } = JSON.parse(taskEvent(aTask({ status: 200 }), NOW));
  assert.equal(type, "task.succeeded");
  assert.equal(timestamp, "2026-01-01T00:00:00.000Z");
  assert.deepEqual(data, {
    id: "tsk_1",
    type: "fetch",
    state: "succeeded",
    delivery: "delivered",
    attempt: 1,
    createdAt: "2026-01-01T00:00:00.000Z",
    finishedAt: "2026-01-01T00:00:01.000Z",
    label: "GET https://example.org/?token=***",
    result: { status: 200 },
    seq: 42,
    final: true,
  });
});

Deno.test("an event stays under 20 KB: a long body is left out, and that is said", () => {
  const result = { status: 200, body: "ü".repeat(60_000), headers: { etag: "x" } };
  const text = taskEvent(aTask(result), NOW);
  assert.ok(new TextEncoder().encode(text).length < 20_000);
  const { data } = JSON.parse(text);
  assert.deepEqual([data.result, data.truncated], [{ status: 200 }, true]);
});

Deno.test("secrets of a result are masked", () => {
  const facts = taskEventData(aTask({ status: 200, headers: { "set-cookie": "id=hush" } }));
  assert.ok(!JSON.stringify(facts).includes("hush"));
});

Deno.test("a batch is told with a line for each task, as far as there is room", () => {
  const batch: BatchRecord = {
    id: "bat_1",
    createdAt: NOW,
    total: 5_000,
    counts: { queued: 0, running: 0, succeeded: 5_000, failed: 0, cancelled: 0, expired: 0 },
    done: true,
    bytes: 0,
  };
  const tasks: EndedTask[] = Array.from({ length: 5_000 }, (_, n) => ({
    id: `tsk_${n}`,
    state: "succeeded",
    label: `GET https://example.org/${n}`,
  }));
  const { list } = batchEventData(batch, tasks) as { list: string };
  assert.equal(list.split("\n")[0], "succeeded  GET https://example.org/0");
  assert.match(list, /… and 4000 more\n$/);
  const text = batchEvent(batch, tasks, NOW);
  assert.ok(text.length < 20_000);
  const { data } = JSON.parse(text);
  assert.ok(data.tasks.length > 50 && data.truncated);
});
