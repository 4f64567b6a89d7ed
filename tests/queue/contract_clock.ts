/** The machine's clock is set: no task begins before its time, and no due task is left waiting. */

import assert from "node:assert/strict";
import { type OpenEngine, World } from "./world.ts";

const SECOND = 1_000;
const HOUR = 3_600 * SECOND;
const YEAR = 365 * 24 * HOUR;

/** Registers the tests for an engine. */
export function clockContract(name: string, open: OpenEngine): void {
  for (const jump of [SECOND, -SECOND, HOUR, -HOUR, YEAR, -YEAR]) {
    Deno.test(`${name}: a clock that is set by ${jump / SECOND} s starts new tasks at once, and none before its time`, async () => {
      await using world = await World.open(open);
      const laterId = await world.insertOne({ dueAt: world.clock.now() + HOUR / 2 });
      world.clock.jump(jump);
      const freshId = await world.insertOne({ lane: "fresh" });
      assert.ok(freshId > laterId);
      const isDue = world.clock.now() >= (await world.find(laterId)).dueAt!;
      assert.equal(isDue, jump >= HOUR);
      const begun = await world.claimIds();
      assert.deepEqual(begun.sort(), isDue ? [laterId, freshId] : [freshId]);
    });
  }

  Deno.test(`${name}: a waiting claim notices within five minutes that the clock was set forward`, async () => {
    await using world = await World.open(open);
    const id = await world.insertOne({ dueAt: world.clock.now() + HOUR });
    const claim = world.engine.claim(1, new AbortController().signal);
    await world.engine.counts();
    world.clock.jump(HOUR);
    await world.clock.advance(5 * 60 * SECOND);
    assert.deepEqual((await claim).map((task) => task.id), [id]);
  });
}
