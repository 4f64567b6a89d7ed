import assert from "node:assert/strict";
import type { TaskChange } from "../../../src/queue/engine.ts";
import { isWatched, Watchers } from "../../../src/queue/core/watchers.ts";

const CHANGE: TaskChange = {
  id: "tsk_a",
  type: "fetch",
  state: "running",
  attempt: 1,
  at: 0,
  change: 1,
  batchId: "bat_a",
};

Deno.test("a change is reported to the watchers of its task, of its batch, of all tasks and of aborts", () => {
  const watchers = new Watchers();
  const heard: string[] = [];
  watchers.add({ task: "tsk_a" }, () => heard.push("task"));
  watchers.add({ task: "tsk_b" }, () => heard.push("other"));
  watchers.add({ batch: "bat_a" }, () => heard.push("batch"));
  watchers.add("running", () => heard.push("running"));
  watchers.add("all", () => heard.push("all"));
  watchers.notify(CHANGE);
  assert.deepEqual(heard.splice(0), ["all", "task", "batch"]);
  watchers.notify({ ...CHANGE, abort: "request" });
  assert.deepEqual(heard, ["all", "task", "batch", "running"]);
});

Deno.test("a change is watched under each of its words, and under no other", () => {
  const change = { ...CHANGE, state: "cancelled", abort: "request" } as const;
  for (const word of ["all", "running", "final", "tsk_a", "bat_a"]) {
    assert.ok(isWatched(new Set([word]), change), word);
  }
  assert.ok(!isWatched(new Set(["tsk_b", "bat_b"]), change));
  assert.ok(!isWatched(new Set(["running", "final", "bat_a"]), { id: "tsk_a", state: "queued" }));
});

Deno.test("a word is reported with its first listener and its last, not between", () => {
  const turned: string[] = [];
  const watchers = new Watchers((key, watched) => turned.push(`${key} ${watched}`));
  const listener = () => {};
  const leaveFirst = watchers.add("all", listener);
  const leaveSecond = watchers.add("all", listener);
  leaveFirst();
  leaveFirst();
  assert.ok(isWatched(watchers.words, CHANGE));
  leaveSecond();
  assert.ok(!isWatched(watchers.words, CHANGE));
  watchers.add("all", listener);
  leaveSecond();
  assert.deepEqual(turned, ["all true", "all false", "all true"]);
});
