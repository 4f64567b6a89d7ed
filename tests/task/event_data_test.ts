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
const aTask = (result: Json, more: Partial<TaskRecord> = {}): TaskRecord => ({
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
  ...more,
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
  assert.deepEqual(data.result, { status: 200 });
  assert.equal(data.truncated, true);
});

Deno.test("secrets of a result are masked", () => {
  const facts = taskEventData(aTask({ status: 200, headers: { "set-cookie": "id=hush" } }));
  assert.ok(!JSON.stringify(facts).includes("hush"));
});

Deno.test("an event says all that is known of the task", () => {
  const { data } = JSON.parse(taskEvent(
    aTask(null, {
      state: "failed",
      reason: "rejected",
      delivery: "not_delivered",
      key: "builds",
      tags: ["news"],
      batchId: "bat_1",
      parentId: "tsk_0",
      error: { code: "http_503", detail: "The server is overloaded" },
    }),
    NOW,
  ));
  assert.deepEqual(data, {
    id: "tsk_1",
    type: "fetch",
    state: "failed",
    reason: "rejected",
    delivery: "not_delivered",
    attempt: 1,
    createdAt: "2026-01-01T00:00:00.000Z",
    finishedAt: "2026-01-01T00:00:01.000Z",
    key: "builds",
    tags: ["news"],
    batchId: "bat_1",
    parentId: "tsk_0",
    label: "GET https://example.org/?token=***",
    error: { code: "http_503", detail: "The server is overloaded" },
    result: null,
    seq: 42,
    final: true,
  });
});

Deno.test("an event of a task without a result has none", () => {
  const { result: _, ...cancelled } = aTask(null, { state: "cancelled", reason: "request" });
  const { type, data } = JSON.parse(taskEvent(cancelled, NOW));
  assert.equal(type, "task.cancelled");
  assert.equal("result" in data, false);
});

Deno.test.each([
  { kind: "a list", result: ["x".repeat(20_000)] },
  { kind: "a text", result: "x".repeat(20_000) },
] as { kind: string; result: Json }[])(
  "of a long result that is $kind nothing is sent",
  ({ result }) => {
    const { data } = JSON.parse(taskEvent(aTask(result), NOW));
    assert.equal(data.result, null);
    assert.equal(data.truncated, true);
  },
);

Deno.test("a result that is long without its bulky members is left out", () => {
  const { data } = JSON.parse(taskEvent(aTask({ contentType: "x".repeat(20_000) }), NOW));
  assert.equal("result" in data, false);
  assert.equal(data.truncated, true);
});

const aBatch = (total: number): BatchRecord => ({
  id: "bat_1",
  createdAt: NOW,
  total,
  counts: { queued: 0, running: 0, succeeded: total, failed: 0, cancelled: 0, expired: 0 },
  done: true,
  bytes: 0,
});
const endedTasks = (count: number, more: Partial<EndedTask> = {}): EndedTask[] =>
  Array.from({ length: count }, (_, n) => ({
    id: `tsk_${n}`,
    state: "succeeded",
    label: `GET https://example.org/${n}`,
    ...more,
  }));

Deno.test("a batch lists each task, with the code of its error", () => {
  const error = { code: "http_404", detail: "Not found" };
  const tasks = [...endedTasks(1), ...endedTasks(1, { state: "failed", error })];
  const data = batchEventData(aBatch(2), tasks);
  assert.equal(
    data.list,
    "succeeded  GET https://example.org/0\nfailed  GET https://example.org/0  (http_404)\n",
  );
  assert.deepEqual(data.tasks, [
    { id: "tsk_0", state: "succeeded", label: "GET https://example.org/0" },
    { id: "tsk_0", state: "failed", label: "GET https://example.org/0", error },
  ]);
});

Deno.test("a list of at most 1,000 tasks and 64,000 characters ends with how many are left", () => {
  const listed = (tasks: EndedTask[]) => batchEventData(aBatch(tasks.length), tasks).list as string;
  const many = listed(endedTasks(5_000));
  assert.equal(many.split("\n")[0], "succeeded  GET https://example.org/0");
  assert.match(many, /… and 4000 more\n$/);
  const long = listed(endedTasks(500, { label: "x".repeat(1_000) }));
  assert.ok(long.length < 65_000, `${long.length} characters`);
  assert.match(long, /… and 437 more\n$/);
});

Deno.test("the event of a small batch has all its tasks, and is not truncated", () => {
  const { type, data } = JSON.parse(batchEvent(aBatch(2), endedTasks(2), NOW));
  assert.equal(type, "batch.completed");
  assert.equal(data.tasks.length, 2);
  assert.equal("truncated" in data, false);
});

Deno.test("the event of a large batch has as many tasks as there is room for", () => {
  const text = batchEvent(aBatch(5_000), endedTasks(5_000), NOW);
  assert.ok(text.length < 20_000);
  const { data } = JSON.parse(text);
  assert.ok(data.tasks.length > 50, `${data.tasks.length} tasks`);
  assert.equal(data.truncated, true);
});

Deno.test("the event of a batch whose tasks leave no room has none of them", () => {
  const tasks = endedTasks(2, { label: "x".repeat(20_000) });
  const { data } = JSON.parse(batchEvent(aBatch(2), tasks, NOW));
  assert.equal("tasks" in data, false);
  assert.equal(data.truncated, true);
  assert.equal(data.total, 2);
});
