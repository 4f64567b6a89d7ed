import { textOfJson } from "../../../src/lib/json/held_text.ts";
import assert from "node:assert/strict";
import { runAtOnce } from "../../../src/lib/steps.ts";
import { notifyPorts } from "../../support/notify_ports.ts";
import { isId, openIds } from "../../../src/lib/ids.ts";
import { parseFetch } from "../../../src/task/input/fetch.ts";
import { parseNotify } from "../../../src/task/input/notify.ts";
import { draftFetch, draftNotify, type SubmitContext } from "../../../src/task/input/new_task.ts";

/** Any address will do: the guard has tests of its own. */
const allowAll = () => undefined;

const NOW = Date.UTC(2026, 0, 1);
const MAIL = { laneOf: () => "mail:localhost:25", from: { address: "postrider@localhost" } };

function context(more: Partial<SubmitContext> = {}): SubmitContext {
  return { ids: openIds(() => NOW, (bytes) => bytes.fill(7)), now: NOW, ...more };
}

function fetches(body: unknown, more?: Partial<SubmitContext>) {
  const parsed = parseFetch(body, { refuseUrl: allowAll });
  if (!("value" in parsed)) throw new TypeError("Expected a valid body");
  return runAtOnce(draftFetch(parsed.value, context(more)));
}

function notifies(body: unknown) {
  const parsed = parseNotify(body, notifyPorts());
  if (!("value" in parsed)) throw new TypeError("Expected a valid body");
  return runAtOnce(draftNotify(parsed.value, context(), MAIL));
}

Deno.test("a request becomes a task that lacks nothing", () => {
  const { drafted, batch } = fetches({ url: "https://example.org/?token=x" }, {
    owner: "ci",
    requestId: "r-1",
    traceparent: "00-1-2-01",
  });
  const [first] = drafted;
  const { id, payload, ...task } = first?.task ?? assert.fail("no task");
  assert.ok(isId("tsk", id));
  assert.deepEqual(JSON.parse(textOfJson(payload)), first?.payload);
  assert.deepEqual(task, {
    type: "fetch",
    channel: "http",
    lane: "https://example.org:443",
    label: "GET https://example.org/?token=***",
    createdAt: NOW,
    dueAt: NOW,
    priority: 5,
    retry: [1_000, 5_000, 30_000, 120_000, 300_000],
    timeoutMs: 30_000,
    onUnknown: "retry",
    owner: "ci",
    requestId: "r-1",
    traceparent: "00-1-2-01",
  });
  assert.equal(batch, undefined);
});

Deno.test("a mail gets the default sender and the lane of the default relay", () => {
  const [first] = notifies({ to: "Ada <ada@example.org>", bcc: "bo@example.org", subject: "Hi" })
    .drafted;
  assert.equal(first?.task.channel, "email");
  assert.equal(first?.task.lane, "mail:localhost:25");
  assert.equal(first?.task.label, "Hi Ada <ada@example.org> bo@example.org");
  assert.deepEqual(JSON.parse(textOfJson(first?.task.payload ?? "")).from, MAIL.from);
});

Deno.test("a mail's own sender stays", () => {
  const [first] =
    notifies({ to: "ada@example.org", from: "me@example.org", subject: "Hi" }).drafted;
  assert.deepEqual(JSON.parse(textOfJson(first?.task.payload ?? "")).from, {
    address: "me@example.org",
  });
});

Deno.test("a label stays short however many recipients there are", () => {
  const to = Array.from({ length: 1_000 }, (_, i) => `somebody.${i}@example.org`);
  const [first] = notifies({ to, subject: "Hi" }).drafted;
  assert.ok((first?.task.label.length ?? 0) <= 1_000);
});

Deno.test.each([
  { body: { delay: "10s" }, times: { dueAt: NOW + 10_000 } },
  { body: { runAt: "2026-01-02T00:00:00Z" }, times: { dueAt: NOW + 86_400_000 } },
  { body: { runAt: "2020-01-01T00:00:00Z" }, times: { dueAt: NOW } },
  { body: { expires: "1m" }, times: { expiresAt: NOW + 60_000 } },
  { body: { expires: "2026-01-02T00:00:00Z" }, times: { expiresAt: NOW + 86_400_000 } },
])("$body is counted from the moment of acceptance", ({ body, times }) => {
  const task = fetches({ url: "https://example.org/", ...body }).drafted[0]?.task;
  assert.deepEqual({ ...task, ...times }, task);
});

Deno.test("a batch comes first and its tasks follow in order", () => {
  const { drafted, batch } = fetches({ urls: ["https://a.example/", "https://b.example/"] }, {
    owner: "ci",
  });
  const ids = drafted.map(({ task }) => task.id);
  assert.deepEqual(ids, [...ids].sort());
  assert.deepEqual(batch, { id: drafted[0]?.task.batchId, createdAt: NOW, owner: "ci" });
  assert.deepEqual(drafted.map(({ task }) => task.batchId), [batch?.id, batch?.id]);
});

Deno.test("payloads with long texts are written in steps, each target on its own", () => {
  const parsed = parseNotify({
    to: ["json://a.example/", "json://b.example/", "json://c.example/", "ada@example.org"],
    text: "x".repeat(4_000_000),
  }, notifyPorts());
  assert.ok("value" in parsed);
  const costs = [...draftNotify(parsed.value, context(), MAIL)];
  assert.ok(costs.length > 60, `${costs.length} steps`);
  const { drafted } = runAtOnce(draftNotify(parsed.value, context(), MAIL));
  for (const { task, payload } of drafted) {
    assert.ok(task.payload instanceof Uint8Array);
    assert.ok(textOfJson(task.payload) === JSON.stringify(payload));
  }
});

Deno.test("a batch is drafted in steps, one for each task", () => {
  const parsed = parseFetch({ urls: Array(100).fill("https://example.org/") }, {
    refuseUrl: allowAll,
  });
  assert.ok("value" in parsed);
  assert.equal([...draftFetch(parsed.value, context())].length, 100);
});
