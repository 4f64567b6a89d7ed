import assert from "node:assert/strict";
import { FakeClock } from "../support/fake_clock.ts";
import { silentLog } from "../support/silent_log.ts";
import { decide, type Outcome } from "../../src/task/outcome.ts";
import type { ClaimedTask } from "../../src/task/task.ts";
import { openBackpressure } from "../../src/worker/backpressure.ts";

const REFUSED: Outcome = {
  kind: "deferred",
  error: { code: "connection_refused", detail: "Nobody there" },
};
const ILL: Outcome = { kind: "deferred", error: { code: "http_500", detail: "Ill" } };
const FINE: Outcome = { kind: "delivered" };
const TOO_MANY: Outcome = {
  kind: "deferred",
  error: { code: "http_429", detail: "Too many" },
  hold: { forMs: 1_000, reason: "429" },
};

/** A lane that is tried at the given times, one attempt after the other. */
function aLane(running = 64) {
  const backpressure = openBackpressure(silentLog, new FakeClock());
  return (at: number, outcome: Outcome, { byUs = false, startedAt = at, lane = "a" } = {}) => {
    const task = {
      id: "tsk_1",
      lane,
      attempt: 1,
      startedAt,
      retry: [1_000],
      onUnknown: "retry",
      possibleDuplicate: false,
    } as unknown as ClaimedTask;
    const settlement = decide(task, outcome, { now: at, random: 0 });
    return backpressure.adjust({ task, outcome, settlement, byUs, running: () => running });
  };
}

Deno.test("ten network faults in a row open the breaker, and nine do not", () => {
  const settle = aLane();
  for (let n = 1; n <= 9; n++) assert.equal(settle(n, REFUSED).hold, undefined);
  const tenth = settle(10, REFUSED);
  assert.deepEqual(tenth.hold, {
    until: 5_010,
    reason: "breaker: 10 network faults in a row, the last connection_refused",
  });
  assert.equal(tenth.adaptiveLimit, 1);
});

Deno.test("a connection that is lost under many requests is one fault", () => {
  const settle = aLane();
  settle(1, REFUSED);
  for (let n = 1; n <= 63; n++) {
    assert.equal(settle(1, { ...REFUSED, shared: true }).hold, undefined);
  }
  for (let n = 2; n <= 9; n++) assert.equal(settle(n, REFUSED).hold, undefined);
  assert.ok(settle(10, REFUSED).hold);
});

Deno.test("an answer, however bad, begins the row anew, and our own aborts do not count", () => {
  const settle = aLane();
  for (let n = 1; n <= 9; n++) settle(n, REFUSED);
  settle(10, ILL);
  for (let n = 1; n <= 9; n++) assert.equal(settle(10 + n, REFUSED).hold, undefined);
  for (let n = 1; n <= 9; n++) {
    assert.equal(settle(30, REFUSED, { byUs: true }).hold, undefined);
  }
  assert.equal(settle(40, REFUSED, { lane: "b" }).hold, undefined);
  assert.ok(settle(50, REFUSED).hold);
});

Deno.test("after each failed probe the wait doubles, up to five minutes", () => {
  const settle = aLane();
  for (let n = 1; n <= 9; n++) settle(0, REFUSED);
  let at = 0;
  const waits: number[] = [];
  for (let n = 0; n < 9; n++) {
    const until = settle(at, REFUSED).hold?.until ?? 0;
    // What had begun before it opened says nothing new.
    assert.equal(settle(at + 1, REFUSED, { startedAt: at }).hold, undefined);
    waits.push((until - at) / 1_000);
    at = until;
  }
  assert.deepEqual(waits, [5, 10, 20, 40, 80, 160, 300, 300, 300]);
});

Deno.test("a probe that is answered closes the breaker", () => {
  const settle = aLane();
  for (let n = 1; n <= 10; n++) settle(0, REFUSED);
  assert.equal(settle(5_000, ILL).adaptiveLimit, Number.MAX_SAFE_INTEGER);
  for (let n = 1; n <= 9; n++) assert.equal(settle(5_001, REFUSED).hold, undefined);
});

Deno.test("too many halves what runs, once for all that ran, and answers bring it back", () => {
  const settle = aLane(20);
  assert.equal(settle(1_000, TOO_MANY, { startedAt: 900 }).adaptiveLimit, 10);
  assert.equal(settle(1_001, TOO_MANY, { startedAt: 900 }).adaptiveLimit, undefined);
  let adaptiveLimit = 10;
  for (let n = 0; n < 10; n++) adaptiveLimit = settle(2_000, FINE).adaptiveLimit ?? adaptiveLimit;
  assert.equal(adaptiveLimit, 11);
  for (let n = 0; n < 5_000; n++) {
    adaptiveLimit = settle(3_000, FINE).adaptiveLimit ?? adaptiveLimit;
  }
  assert.equal(adaptiveLimit, Number.MAX_SAFE_INTEGER);
});

Deno.test("a hold that the other side asks for is not shortened by the breaker", () => {
  const settle = aLane();
  const asked: Outcome = { ...REFUSED, hold: { forMs: 900_000, reason: "554" } };
  for (let n = 1; n <= 9; n++) settle(0, REFUSED);
  assert.deepEqual(settle(0, asked).hold, { until: 900_000, reason: "554" });
});

Deno.test("a fault after a redirect counts for the other host, and as an answer for the task's own", () => {
  const settle = aLane();
  const away: Outcome = { ...REFUSED, otherLane: "b" };
  for (let n = 1; n <= 30; n++) assert.equal(settle(n, away).hold, undefined);
  assert.equal(settle(31, REFUSED).hold, undefined, "its own host has answered until now");
  assert.ok(settle(32, REFUSED, { lane: "b" }).hold, "the other host is known to be down");
  const limited: Outcome = { ...TOO_MANY, otherLane: "b" };
  assert.equal(settle(33, limited).adaptiveLimit, undefined);
});
