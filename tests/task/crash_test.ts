import assert from "node:assert/strict";

import { type InterruptedTask, settleInterrupted } from "../../src/task/crash.ts";
import { next } from "../../src/task/state.ts";

const AT = Date.UTC(2026, 0, 1);

Deno.test.each([
  { task: {}, event: "retry", why: "it counts, and there is another try" },
  { task: { retry: [] }, event: "retry", why: "a task without a try left gets one more" },
  { task: { interrupted: 2 }, event: "retry", why: "two in a row may be chance" },
  { task: { interrupted: 3 }, event: "fail", reason: "crashed", why: "the third in a row ends it" },
  { task: { onUnknown: "stop" }, event: "fail", reason: "unknown", why: "it was told to stop" },
  {
    task: { aborting: "request" },
    event: "cancel",
    reason: "request",
    why: "it was being aborted",
  },
  { task: { expiresAt: AT }, event: "expire", reason: "expired", why: "its time is over" },
  { task: { expiresAt: AT + 1 }, event: "retry", why: "its time is not over" },
] as { task: Partial<InterruptedTask>; event: string; reason?: string; why: string }[])(
  "an attempt broken off by a crash means $event: $why",
  ({ task, event, reason }) => {
    const settled = settleInterrupted({ ...anInterrupted, ...task }, AT);
    assert.equal(settled.event, event);
    assert.equal(settled.reason, reason);
    assert.equal(settled.delivery, event === "retry" ? undefined : "unknown");
    assert.equal(settled.dueAt, event === "retry" ? AT : undefined);
    assert.equal(settled.possibleDuplicate, true);
    assert.equal(settled.record?.outcome, "unknown");
    assert.equal(settled.record?.error?.code, "crashed");
    assert.ok(next("running", settled.event));
  },
);

const anInterrupted: InterruptedTask = {
  id: "tsk_01kdvzzk00e008000000000000",
  attempt: 1,
  startedAt: AT - 1_000,
  retry: [1_000],
  onUnknown: "retry",
  interrupted: 1,
};
