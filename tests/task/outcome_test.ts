import assert from "node:assert/strict";
import fc from "fast-check";

import { decide, type Outcome } from "../../src/task/outcome.ts";
import { MAX_DURATION_MS } from "../../src/lib/duration.ts";
import { isFinal, next } from "../../src/task/state.ts";
import type { ClaimedTask } from "../../src/task/task.ts";

const AT = Date.UTC(2026, 0, 1);
const error = { code: "http_503", detail: "The server answered 503." };
const still = { now: AT, random: 0 };

Deno.test("an attempt that is delivered succeeds, even while it is being aborted", () => {
  const settled = decide(aClaim(), { kind: "delivered", result: { status: 200 } }, {
    ...still,
    cancelled: "request",
  });
  assert.equal(settled.event, "succeed");
  assert.equal(settled.delivery, "delivered");
  assert.deepEqual(settled.result, { status: 200 });
});

Deno.test("an attempt that is rejected fails and keeps the error with the attempt", () => {
  const settled = decide(aClaim({ startedAt: AT - 70 }), { kind: "rejected", error }, still);
  assert.equal(settled.event, "fail");
  assert.equal(settled.reason, "rejected");
  assert.equal(settled.delivery, "not_delivered");
  assert.deepEqual(settled.record, {
    number: 1,
    startedAt: AT - 70,
    endedAt: AT,
    outcome: "rejected",
    error,
  });
});

Deno.test("an attempt that is deferred waits for its step of the schedule", () => {
  const settled = decide(
    aClaim({ attempt: 2, retry: [1_000, 8_000] }),
    { kind: "deferred", error },
    {
      now: AT,
      random: 0.5,
    },
  );
  assert.equal(settled.event, "retry");
  assert.equal(settled.dueAt, AT + 9_000);
  assert.equal(settled.delivery, undefined);
});

Deno.test.each([
  { wish: 2_000, dueIn: 2_000, why: "the other side's wish is the later one" },
  { wish: 100, dueIn: 1_000, why: "the schedule's step is the later one" },
  { wish: 1e15, dueIn: MAX_DURATION_MS, why: "no date is that far away" },
])("a deferral that asks for $wish ms is due in $dueIn ms: $why", ({ wish, dueIn }) => {
  const settled = decide(aClaim(), { kind: "deferred", error, retryAfterMs: wish }, still);
  assert.equal(settled.dueAt, AT + dueIn);
});

Deno.test("an attempt that is deferred with no try left is exhausted", () => {
  const settled = decide(aClaim({ retry: [] }), { kind: "deferred", error }, still);
  assert.deepEqual({ event: settled.event, reason: settled.reason, delivery: settled.delivery }, {
    event: "fail",
    reason: "exhausted",
    delivery: "not_delivered",
  });
});

Deno.test("an attempt whose next try would come at its expiry expires at once", () => {
  const due = AT + 1_000;
  const at = (expiresAt: number) =>
    decide(aClaim({ expiresAt }), { kind: "deferred", error }, still).event;
  assert.equal(at(due), "expire");
  assert.equal(at(due + 1), "retry");
});

Deno.test("an attempt cut off after its bytes had left is tried again and marked", () => {
  const settled = decide(aClaim(), { kind: "unknown", error }, still);
  assert.equal(settled.event, "retry");
  assert.equal(settled.possibleDuplicate, true);
});

Deno.test("an attempt cut off after its bytes had left fails, unknown, when told to stop", () => {
  const settled = decide(aClaim({ onUnknown: "stop" }), { kind: "unknown", error }, still);
  assert.deepEqual({ event: settled.event, reason: settled.reason, delivery: settled.delivery }, {
    event: "fail",
    reason: "unknown",
    delivery: "unknown",
  });
});

Deno.test("an attempt that may have had its effect is marked as a possible duplicate", () => {
  for (const task of [aClaim({ onUnknown: "stop" }), aClaim({ retry: [] })]) {
    assert.equal(decide(task, { kind: "unknown", error }, still).possibleDuplicate, true);
  }
  const cancelled = decide(aClaim(), { kind: "unknown", error }, {
    ...still,
    cancelled: "shutdown",
  });
  assert.equal(cancelled.possibleDuplicate, true);
});

Deno.test("once an effect may have happened, a later refusal does not undo it", () => {
  const task = aClaim({ possibleDuplicate: true, retry: [] });
  for (const kind of ["rejected", "deferred"] as const) {
    assert.equal(decide(task, { kind, error }, still).delivery, "unknown");
  }
});

Deno.test("a mail that some have is partial, whether refused or given up", () => {
  for (const kind of ["rejected", "deferred"] as const) {
    const settled = decide(aClaim({ retry: [] }), { kind, error, delivery: "partial" }, still);
    assert.deepEqual({ event: settled.event, delivery: settled.delivery }, {
      event: "fail",
      delivery: "partial",
    });
  }
});

Deno.test.each(
  [
    { kind: "deferred", delivery: "not_delivered", listed: "cancelled" },
    { kind: "unknown", delivery: "unknown", listed: "unknown" },
  ] as const,
)("an aborted attempt that is $kind is cancelled: $delivery", ({ kind, delivery, listed }) => {
  const settled = decide(aClaim(), { kind, error }, { ...still, cancelled: "shutdown" });
  assert.deepEqual({ event: settled.event, reason: settled.reason, delivery: settled.delivery }, {
    event: "cancel",
    reason: "shutdown",
    delivery,
  });
  assert.equal(settled.record?.outcome, listed);
});

Deno.test("evidence, carry, result and hold are kept whatever the outcome", () => {
  const settled = decide(aClaim(), {
    kind: "deferred",
    error,
    evidence: { address: "192.0.2.1" },
    carry: { etag: "x" },
    result: { status: 429 },
    hold: { forMs: 2_000, reason: "429 with Retry-After: 2" },
  }, still);
  assert.deepEqual(settled.record?.evidence, { address: "192.0.2.1" });
  assert.deepEqual(settled.carry, { etag: "x" });
  assert.deepEqual(settled.result, { status: 429 });
  assert.deepEqual(settled.hold, { until: AT + 2_000, reason: "429 with Retry-After: 2" });
});

Deno.test("every outcome settles every running task: legally, with a reason, and for certain", () => {
  fc.assert(fc.property(aTask, anOutcome, aCancel, fc.double({ min: 0, max: 0.999, noNaN: true }), (
    task,
    outcome,
    cancelled,
    random,
  ) => {
    const settled = decide(task, outcome, { now: AT, random, ...(cancelled ? { cancelled } : {}) });
    const state = next("running", settled.event);
    assert.ok(state, `${settled.event} cannot happen to a running task`);
    assert.equal(settled.delivery !== undefined, isFinal(state), "delivery comes with the end");
    assert.equal(settled.dueAt !== undefined, state === "queued", "only what waits is due");
    assert.equal(settled.reason !== undefined, isFinal(state) && state !== "succeeded");
    assert.equal(settled.record?.number, task.attempt);
    if (cancelled) assert.notEqual(state, "queued", "what is aborted is never tried again");
    if (settled.dueAt !== undefined) {
      assert.ok(settled.dueAt >= AT && settled.dueAt < (task.expiresAt ?? Infinity));
      assert.ok(new Date(settled.dueAt).toISOString());
    }
  }));
});

function aClaim(parts: Partial<ClaimedTask> = {}): ClaimedTask {
  return {
    id: "tsk_01kdvzzk00e008000000000000",
    type: "fetch",
    channel: "http",
    lane: "http://example.org:80",
    payload: "{}",
    attempt: 1,
    startedAt: AT - 1_000,
    dueAt: AT - 1_000,
    createdAt: AT - 2_000,
    retry: [1_000],
    timeoutMs: 30_000,
    onUnknown: "retry",
    possibleDuplicate: false,
    ...parts,
  };
}

const aCancel = fc.constantFrom(undefined, "request", "shutdown", "batch");

const aTask = fc.record({
  attempt: fc.integer({ min: 1, max: 4 }),
  retry: fc.array(fc.integer({ min: 0, max: 100_000 }), { maxLength: 3 }),
  onUnknown: fc.constantFrom("retry", "stop"),
  possibleDuplicate: fc.boolean(),
  expires: fc.option(fc.integer({ min: -1_000, max: 100_000 }), { nil: undefined }),
}).map(({ expires, ...parts }) =>
  aClaim({ ...parts, ...(expires === undefined ? {} : { expiresAt: AT + expires }) })
);

const aPartial = fc.constantFrom({}, { delivery: "partial" as const });
const anOutcome: fc.Arbitrary<Outcome> = fc.oneof(
  fc.constant<Outcome>({ kind: "delivered" }),
  fc.constant<Outcome>({ kind: "unknown", error }),
  aPartial.map((partial): Outcome => ({ kind: "rejected", error, ...partial })),
  fc.tuple(aPartial, fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER })).map((
    [partial, retryAfterMs],
  ): Outcome => ({ kind: "deferred", error, retryAfterMs, ...partial })),
);
