import assert from "node:assert/strict";
import { openIds, sequenceOf } from "../../../src/lib/ids.ts";
import { insertTask } from "../../../src/queue/core/lifecycle.ts";
import { contentOf, newRow } from "../../../src/queue/core/row.ts";
import { MemoryStorage } from "../../../src/queue/memory/storage.ts";
import type { NewTask } from "../../../src/task/task.ts";

const ids = openIds(() => 0, (bytes) => bytes.fill(3));

function aTask(): NewTask {
  return {
    id: ids("tsk"),
    type: "fetch",
    channel: "http",
    lane: "http://example.org:80",
    payload: "{}",
    label: "GET /",
    createdAt: 0,
    dueAt: 0,
    priority: 5,
    retry: [1_000],
    timeoutMs: 1_000,
    onUnknown: "retry",
    key: "k",
  };
}

Deno.test("a task whose insert is repeated waits only for what holds its key then", () => {
  const open = () => new MemoryStorage(() => 0, new Set(), () => {});
  const [first, second] = [aTask(), aTask()];
  const row = newRow(second);
  const rolledBack = open();
  insertTask(rolledBack, newRow(first), contentOf(first));
  insertTask(rolledBack, row, contentOf(second));
  assert.equal(row.behind, 1, "another task holds the key");

  const repeated = open();
  insertTask(repeated, row, contentOf(second));
  assert.equal(row.behind, 0, "the key is free");
  assert.equal(repeated.keyHolder(row)?.seq, sequenceOf(second.id));
});
