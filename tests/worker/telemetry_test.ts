import assert from "node:assert/strict";
import type { LogFields } from "../../src/lib/log.ts";
import { openMetrics } from "../../src/lib/metrics.ts";
import { noTraces, type SpanStart } from "../../src/lib/traces.ts";
import { decide } from "../../src/task/outcome.ts";
import type { ClaimedTask } from "../../src/task/task.ts";
import { hostClassOf, openTelemetry } from "../../src/worker/telemetry.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { silentLog } from "../support/silent_log.ts";

const PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

Deno.test("An attempt is measured, traced and logged, with the ids of its task, request and trace", async () => {
  const clock = new FakeClock();
  const metrics = openMetrics({});
  const lines: { message: string; fields: LogFields }[] = [];
  const write = (message: string, fields: LogFields = {}) => void lines.push({ message, fields });
  const spans: { name: string; start: SpanStart; ended?: unknown[] }[] = [];
  const telemetry = openTelemetry({
    clock,
    metrics,
    log: { debug: write, info: write, warn: write, error: write },
    traces: {
      begin(name, start) {
        const span: typeof spans[number] = { name, start };
        spans.push(span);
        return {
          traceparent: `00-${"a".repeat(32)}-${"b".repeat(16)}-01`,
          end: (...ended) => span.ended = ended,
        };
      },
    },
  });
  const now = clock.now();
  const task = aTask({ dueAt: now - 2_000, startedAt: now });
  const observed = telemetry.begin(task);
  assert.equal(observed.traceparent?.slice(3, 35), "a".repeat(32));
  await clock.advance(1_500);
  const outcome = { kind: "deferred", error: { code: "http_503", detail: "" } } as const;
  observed.end(outcome, decide(task, outcome, { now: clock.now(), random: 0 }));

  assert.deepEqual(spans.map(({ name, start, ended }) => [name, start.parent, start.at, ended]), [
    ["queue wait", PARENT, now - 2_000, [{}, undefined, now]],
    ["attempt http", PARENT, undefined, [{
      "error.type": "http_503",
      "postrider.outcome": "deferred",
    }, "http_503"]],
  ]);
  assert.deepEqual(lines, [{
    message: "Attempt ended",
    fields: {
      task: task.id,
      attempt: 1,
      outcome: "deferred",
      event: "retry",
      error: "http_503",
      ms: 1_500,
      requestId: "req_1",
      traceId: "a".repeat(32),
    },
  }]);
  const text = await metrics.text({ tasks: {}, queued: {}, gauges: {} });
  assert.match(text, /queue_wait_seconds_sum\{type="fetch",channel="http"\} 2\n/);
  assert.match(
    text,
    /attempt_duration_seconds_sum\{type="fetch",channel="http",outcome="deferred",host_class="public"\} 1\.5\n/,
  );
});

Deno.test("Tasks that fail for good are a warning each, at most one a second of each error", async () => {
  const clock = new FakeClock();
  const lines: LogFields[] = [];
  const log = {
    ...silentLog,
    warn: (_: string, fields: LogFields = {}) => void lines.push(fields),
  };
  const telemetry = openTelemetry({ clock, metrics: openMetrics({}), log, traces: noTraces });
  const fail = (id: string) => {
    const task = aTask({ id, dueAt: clock.now(), startedAt: clock.now() });
    const outcome = { kind: "rejected", error: { code: "http_404", detail: "Gone" } } as const;
    const settlement = decide(task, outcome, { now: clock.now(), random: 0 });
    telemetry.begin(task).end(outcome, settlement);
  };
  for (const id of ["tsk_1", "tsk_2", "tsk_3"]) fail(id);
  assert.equal(lines.length, 1);
  const { task, code, detail, reason, next } = lines[0] ?? {};
  assert.deepEqual(
    { task, code, detail, reason, next },
    {
      task: "tsk_1",
      code: "http_404",
      detail: "Gone",
      reason: "rejected",
      next: "POST /tasks/tsk_1/retry",
    },
  );
  await clock.advance(1_000);
  assert.equal(lines.length, 2);
  assert.deepEqual([lines[1]?.count, lines[1]?.ids], [2, ["tsk_2", "tsk_3"]]);
  await clock.advance(2_000);
});

Deno.test("Without a trace there is no traceparent", () => {
  const clock = new FakeClock();
  const silent = { debug() {}, info() {}, warn() {}, error() {} };
  const telemetry = openTelemetry({
    clock,
    metrics: openMetrics({}),
    log: silent,
    traces: noTraces,
  });
  const { traceparent: _, ...task } = aTask({});
  assert.equal(telemetry.begin(task).traceparent, undefined);
});

Deno.test.each([
  { lane: "https://example.org:443", expected: "public" },
  { lane: "http://93.184.216.34:80", expected: "public" },
  { lane: "http://[2606:2800:220:1::1]:80", expected: "public" },
  { lane: "http://10.1.2.3:80", expected: "private" },
  { lane: "http://172.20.0.1:80", expected: "private" },
  { lane: "http://192.168.1.1:80", expected: "private" },
  { lane: "http://127.0.0.1:9000", expected: "private" },
  { lane: "http://[::1]:80", expected: "private" },
  { lane: "http://[fd00::1]:80", expected: "private" },
  { lane: "http://intranet:80", expected: "private" },
  { lane: "http://api.internal:80", expected: "private" },
  { lane: "mail:smtp.example.org:587", expected: "relay" },
])("The lane $lane is $expected", ({ lane, expected }) => {
  assert.equal(hostClassOf(lane), expected);
});

function aTask(fields: Partial<ClaimedTask>): ClaimedTask {
  return {
    id: "tsk_01jd00000000000000000000000",
    type: "fetch",
    channel: "http",
    lane: "https://example.org:443",
    payload: "{}",
    attempt: 1,
    startedAt: 0,
    dueAt: 0,
    createdAt: 0,
    retry: [1_000],
    timeoutMs: 30_000,
    onUnknown: "retry",
    possibleDuplicate: false,
    requestId: "req_1",
    traceparent: PARENT,
    ...fields,
  };
}
