import assert from "node:assert/strict";

import { runAtOnce, runInTurns, type Steps, turn } from "../../src/lib/steps.ts";

function* count(steps: number, cost: number): Steps<number> {
  for (let step = 0; step < steps; step++) yield cost;
  return steps;
}

Deno.test("runAtOnce() runs all steps, and returns their result", () => {
  assert.equal(runAtOnce(count(1_000, 1_000_000)), 1_000);
});

Deno.test.each([
  { steps: 10, cost: 50, turns: 0 },
  { steps: 100, cost: 100, turns: 1 },
  { steps: 1_000, cost: 100, turns: 10 },
  { steps: 5, cost: 100_000, turns: 5 },
])("$steps steps of $cost take $turns turns", async ({ steps, cost, turns }) => {
  let taken = 0;
  const counted = () => Promise.resolve(void taken++);
  assert.equal(await runInTurns(count(steps, cost), counted), steps);
  assert.equal(taken, turns);
});

Deno.test("turns come one after another, with the event loop's other work in between", async () => {
  const order: string[] = [];
  const take = async (name: string) => {
    for (let time = 0; time < 3; time++) {
      await turn();
      order.push(name);
    }
  };
  await Promise.all([take("a"), take("b"), take("c")]);
  assert.equal(order.join(""), "abcabcabc");
});
