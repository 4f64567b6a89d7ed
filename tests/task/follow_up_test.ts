import assert from "node:assert/strict";

import { followUpsOf } from "../../src/task/follow_up.ts";
import type { FollowUp, TaskRecord } from "../../src/task/task.ts";

const noted = {
  type: "notify",
  channel: "email",
  lane: "mail:localhost:25",
  payload: "{}",
  label: "second way",
  priority: 5,
  retry: [],
  timeoutMs: 60_000,
  onUnknown: "retry",
} as const;

Deno.test("a fallback kept by version 0.1 still has its own fallback", () => {
  const second: FollowUp = { kind: "fallback", on: ["failed"], task: noted };
  const kept = { kind: "fallback", on: ["failed"], task: { ...noted, followers: [second] } };
  const parent = { id: "tsk_1", state: "failed", label: "first" } as TaskRecord;
  const [made] = followUpsOf(parent, [kept as FollowUp], { ids: () => "tsk_2", now: 1_000 });
  assert.deepEqual(made?.followUps, [second]);
  assert.equal(made && "followers" in made, false);
});

Deno.test("the label of a chained task is filled in with the values of its parent", () => {
  const parent = {
    id: "tsk_1",
    state: "succeeded",
    label: "first",
    result: { status: 503, body: "a/b" },
  } as unknown as TaskRecord;
  const labelOf = (task: FollowUp["task"]) => {
    const chain: FollowUp = { kind: "chain", on: ["succeeded"], task };
    return followUpsOf(parent, [chain], { ids: () => "tsk_2", now: 1_000 })[0]?.label;
  };
  assert.equal(labelOf({ ...noted, label: "Report: {{task.result.status}}" }), "Report: 503");
  const url = "GET https://example.org/{{task.result.body}}";
  assert.equal(labelOf({ ...noted, type: "fetch", label: url }), "GET https://example.org/a%2Fb");
});
