import assert from "node:assert/strict";
import { openIds } from "../../../src/lib/ids.ts";
import { claimedOf, contentOf, newRow } from "../../../src/queue/core/row.ts";
import type { NewTask } from "../../../src/task/task.ts";

const ids = openIds(() => Date.UTC(2026, 0, 1), (bytes) => bytes.fill(3));

const TASK: NewTask = {
  id: ids("tsk"),
  type: "fetch",
  channel: "http",
  lane: "http://example.org:80",
  payload: "{}",
  label: "GET /",
  createdAt: 0,
  dueAt: 0,
  priority: 5,
  retry: [1_000, 1_000],
  timeoutMs: 1_000,
  onUnknown: "retry",
};

/** Another value for each field that is stored in the spec. */
const OTHERS: Partial<NewTask> = {
  channel: "callback",
  lane: "http://example.org:81",
  retry: [1_000],
  timeoutMs: 2_000,
  onUnknown: "stop",
  retain: "none",
  batchId: ids("bat"),
  parentId: ids("bat"),
  owner: "ada",
  requestId: "r-1",
  traceparent: "00-1-2-01",
  key: "k",
  tags: ["t"],
};

for (const [field, value] of Object.entries(OTHERS)) {
  Deno.test(`tasks one after the other that differ in ${field} alone each keep their own`, () => {
    const { retry: _, ...first } = JSON.parse(contentOf(TASK).spec);
    const { retry: __, ...other } = JSON.parse(contentOf({ ...TASK, [field]: value }).spec);
    const { retry: ___, ...again } = JSON.parse(contentOf(TASK).spec);
    assert.deepEqual(other, field === "retry" ? first : { ...first, [field]: value });
    assert.deepEqual(again, first);
  });
}

Deno.test("claimed tasks one after the other each get their own retry schedule", () => {
  const retries = [[1_000, 1_000], [1_000], [1_000, 1_000]];
  const claimed = retries.map((retry) => {
    const task = { ...TASK, retry };
    return claimedOf(newRow(task), contentOf(task).spec, "{}", null).retry;
  });
  assert.deepEqual(claimed, retries);
});
