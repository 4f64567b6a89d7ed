import assert from "node:assert/strict";
import { systemClock } from "../../../src/lib/clock.ts";
import { Claimer } from "../../../src/queue/postgres/claimer.ts";
import { Hints } from "../../../src/queue/postgres/hints.ts";
import type { ClaimedTask } from "../../../src/task/task.ts";

/** A claimer whose rounds end when the test says so. */
function setup() {
  const hints = new Hints();
  hints.offer(1, 5, 0);
  const rounds: PromiseWithResolvers<ClaimedTask[]>[] = [];
  const claimer = new Claimer({
    clock: systemClock,
    hints,
    now: () => 1,
    random: () => 0.5,
    round: () => {
      const round = Promise.withResolvers<ClaimedTask[]>();
      rounds.push(round);
      return round.promise;
    },
  });
  return { claimer, rounds };
}

const turn = () => new Promise((resolve) => setTimeout(resolve, 0));
const TASK = { id: "tsk_1" } as ClaimedTask;
const never = new AbortController().signal;

Deno.test("no round begins while work between rounds waits or runs, whenever it is asked for", async () => {
  const { claimer, rounds } = setup();
  const first = claimer.claim(1, never);
  await turn();
  const work = Promise.withResolvers<void>();
  const between = claimer.between(() => work.promise);
  rounds[0]!.resolve([TASK]);
  const second = first.then(() => claimer.claim(1, never));
  // At each moment until the work has begun.
  for (let n = 0; n < 20; n++) {
    claimer.kick();
    await undefined;
  }
  await turn();
  assert.equal(rounds.length, 1);
  work.resolve();
  await between;
  await turn();
  assert.equal(rounds.length, 2);
  rounds[1]!.resolve([TASK]);
  assert.deepEqual(await second, [TASK]);
  await claimer.close();
});

Deno.test("a claim that follows at once on another begins a round", async () => {
  const { claimer, rounds } = setup();
  const second = claimer.claim(1, never).then(() => claimer.claim(1, never));
  await turn();
  rounds[0]!.resolve([TASK]);
  await turn();
  assert.equal(rounds.length, 2);
  rounds[1]!.resolve([TASK]);
  await second;
  await claimer.close();
});

Deno.test("idle waits for the claim that work between two rounds kept waiting", async () => {
  const { claimer, rounds } = setup();
  const work = Promise.withResolvers<void>();
  const between = claimer.between(() => work.promise);
  await turn();
  const claimed = claimer.claim(1, never);
  let isIdle = false;
  const idle = claimer.idle().then(() => isIdle = true);
  work.resolve();
  await between;
  await turn();
  assert.equal(rounds.length, 1);
  assert.equal(isIdle, false);
  rounds[0]!.resolve([TASK]);
  assert.deepEqual(await claimed, [TASK]);
  await claimer.close();
  await idle;
});
