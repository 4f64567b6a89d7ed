import assert from "node:assert/strict";
import { ExactJson } from "../../src/lib/json/exact_json.ts";
import { batchEventData, taskEventData } from "../../src/task/event_data.ts";
import { runAtOnce } from "../../src/lib/steps.ts";
import { placeholderSteps } from "../../src/task/placeholder_paths.ts";

const good = [
  "{{task.id}} {{ task.result.status }} {{task.error.code}}",
  "{{task.result.headers.content-type}} {{task.result.hops.0.url}}",
  "{{task.result.extracted.json.anything.below.it}} {{task.tags.0}}",
  "https://example.org/%7B%7Btask.result.sha256%7D%7D?x=%7B%7B%20task.id%20%7D%7D",
  "{{payload.x}} {{tasks}} {{ other | filter }} {{",
];

Deno.test.each(good.map((text) => ({ text })))("$text is taken", ({ text }) => {
  assert.deepEqual(placeholderIssues({ text }, "task"), []);
});

Deno.test.each([
  { text: "{{task.result.stauts}}", says: /for stauts, expected one of status, url/ },
  { text: "{{task.sate}}", says: /for sate, expected one of id, type, state/ },
  { text: "{{task.id.more}}", says: /for more, expected nothing/ },
  { text: "{{task.result.status | upcase}}", says: /a path only/ },
  { text: "{{ task }}", says: /a path only/ },
  { text: "{{task.result[0]}}", says: /a path only/ },
  { text: "{{tasks.id}}", says: /a path only/ },
  { text: "{{ tsk.id }}", says: /a path only/ },
  { text: "{{Task.id}}", says: /a path only/ },
  { text: "{{batch.total}}", says: /a placeholder of the task/ },
  { text: "https://a.org/%7B%7Btask.nope%7D%7D", says: /for nope/ },
])("$text is refused", ({ text, says }) => {
  const [issue, ...more] = placeholderIssues({ headers: { "x-a": text } }, "task");
  assert.equal(more.length, 0);
  assert.equal(issue?.pointer, "/headers/x-a");
  assert.match(issue?.detail ?? "", says);
});

Deno.test.each([
  { name: "spaces", text: "{{task" + " ".repeat(1_000_000) },
  { name: "encoded spaces", text: "{{task" + "%20".repeat(300_000) },
  { name: "beginnings", text: "%7B%7Btask ".repeat(100_000) },
  { name: "beginnings with spaces", text: `{{task${" ".repeat(1_000)}`.repeat(1_000) },
  { name: "braces", text: "{".repeat(1_000_000) },
  { name: "spaces before a name", text: `{{${" ".repeat(1_000)}`.repeat(1_000) },
])("a megabyte of $name that end nowhere is searched once", ({ text }) => {
  // It took minutes: at each beginning, all that follows was searched.
  assert.deepEqual(placeholderIssues({ text: `${text} {{task.id}}` }, "task"), []);
});

Deno.test("a text full of wrong placeholders has as many issues as a response shows", () => {
  assert.equal(placeholderIssues({ text: "{{task.nope}}".repeat(10_000) }, "task").length, 50);
});

Deno.test("placeholders are found in JSON that is kept as text", () => {
  const request = { json: new ExactJson('{"a":"{{task.nope}}","b":"{{task.id}}"}') };
  assert.deepEqual(placeholderIssues(request, "task").map(({ pointer }) => pointer), ["/json"]);
});

Deno.test("every path that an ended task or batch has is known", () => {
  const task = {
    id: "t",
    type: "fetch",
    state: "failed",
    reason: "rejected",
    delivery: "delivered",
    attempt: 1,
    createdAt: 0,
    finishedAt: 0,
    key: "k",
    tags: ["a"],
    batchId: "b",
    parentId: "p",
    label: "l",
    error: { code: "c", detail: "d" },
    result: { status: 200 },
  };
  const counts = { queued: 0, running: 0, succeeded: 0, failed: 1, cancelled: 0, expired: 0 };
  const batch = { id: "b", total: 1, counts, done: true, createdAt: 0 };
  const data = {
    task: taskEventData(task as never),
    batch: batchEventData(batch as never, [task as never]),
  };
  for (const root of ["task", "batch"] as const) {
    const paths = pathsOf(data[root], root);
    const texts = paths.map((path) => `{{${path}}}`);
    assert.deepEqual(placeholderIssues({ texts }, root), []);
    assert.ok(paths.length > 8, paths.join());
  }
});

function pathsOf(value: unknown, path: string): string[] {
  if (typeof value !== "object" || value === null) return [path];
  return Object.entries(value).flatMap(([name, member]) => pathsOf(member, `${path}.${name}`));
}

Deno.test("a follow-up has at most 10,000 placeholders, wherever they are", () => {
  const half = "{{task.id}} ".repeat(5_000);
  assert.deepEqual(placeholderIssues({ subject: half, text: half }, "task"), []);
  const more = { subject: half, text: half, html: "%7B%7Btask.id%7D%7D", headers: { x: half } };
  assert.deepEqual(placeholderIssues(more, "task"), [
    { pointer: "/html", detail: "Expected at most 10000 placeholders in one follow-up" },
  ]);
  assert.deepEqual(placeholderIssues({ text: '{{"{"}}'.repeat(200_000) }, "task"), []);
  assert.deepEqual(placeholderIssues({ text: '{{"{"}}'.repeat(1_000_000) }, "task"), [
    { pointer: "/text", detail: "Expected at most 200000 escaped braces in one follow-up" },
  ]);
});

function placeholderIssues(request: unknown, root: "task" | "batch") {
  return runAtOnce(placeholderSteps(request, root));
}
