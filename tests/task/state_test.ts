import assert from "node:assert/strict";

import {
  isFinal,
  next,
  noCounts,
  TASK_STATES,
  type TaskEvent,
  type TaskState,
} from "../../src/task/state.ts";

const EVENTS: readonly TaskEvent[] = [
  "claim",
  "succeed",
  "fail",
  "retry",
  "release",
  "cancel",
  "expire",
  "revive",
];

/** The picture at the head of `state.ts`, read arrow by arrow. */
const ARROWS: readonly [TaskState, TaskEvent, TaskState][] = [
  ["queued", "claim", "running"],
  ["queued", "cancel", "cancelled"],
  ["queued", "expire", "expired"],
  ["running", "succeed", "succeeded"],
  ["running", "fail", "failed"],
  ["running", "cancel", "cancelled"],
  ["running", "expire", "expired"],
  ["running", "retry", "queued"],
  ["running", "release", "queued"],
  ["failed", "revive", "queued"],
  ["cancelled", "revive", "queued"],
  ["expired", "revive", "queued"],
];

Deno.test("next() knows the arrows of the picture and no others", () => {
  const found = TASK_STATES.flatMap((from) =>
    EVENTS.flatMap((event) => {
      const to = next(from, event);
      return to ? [`${from} --${event}--> ${to}`] : [];
    })
  );
  assert.deepEqual(found.sort(), ARROWS.map(([f, e, t]) => `${f} --${e}--> ${t}`).sort());
});

Deno.test("what is final only a revival moves, and a success nothing at all", () => {
  for (const state of TASK_STATES.filter(isFinal)) {
    const moving = EVENTS.filter((event) => next(state, event));
    assert.deepEqual(moving, state === "succeeded" ? [] : ["revive"]);
  }
});

Deno.test("every state is reached from queued, and from every unfinished one an end is", () => {
  assert.deepEqual([...reachable("queued")].sort(), [...TASK_STATES].sort());
  for (const state of ["queued", "running"] as const) {
    assert.ok([...reachable(state)].some(isFinal), `${state} never ends`);
  }
});

Deno.test("noCounts() counts each of the six states, each time anew", () => {
  assert.deepEqual(Object.keys(noCounts()), [...TASK_STATES]);
  noCounts().queued++;
  assert.equal(noCounts().queued, 0);
});

function reachable(from: TaskState, seen = new Set<TaskState>()): Set<TaskState> {
  if (seen.has(from)) return seen;
  seen.add(from);
  for (const event of EVENTS) {
    const to = next(from, event);
    if (to) reachable(to, seen);
  }
  return seen;
}
