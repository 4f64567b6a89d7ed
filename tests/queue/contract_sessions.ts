/** Sessions that were signed out. */

import assert from "node:assert/strict";
import { type OpenEngine, World } from "./world.ts";

/** Registers the tests for an engine. */
export function sessionContract(name: string, open: OpenEngine): void {
  Deno.test(`${name}: a signed-out session is listed until it would have ended`, async () => {
    await using world = await World.open(open);
    const { engine, clock } = world;
    const now = clock.now();
    await engine.endSession("a", now + 1_000);
    await engine.endSession("b", now + 2_000);
    await engine.endSession("b", now + 3_000);
    const listed = async () =>
      (await engine.endedSessions()).map(({ id, until }) => [id, until - now]).sort();
    assert.deepEqual(await listed(), [["a", 1_000], ["b", 3_000]]);
    await clock.advance(1_000);
    assert.deepEqual(await listed(), [["b", 3_000]]);
    await engine.endSession("c", now + 9_000);
    assert.deepEqual(await listed(), [["b", 3_000], ["c", 9_000]]);
  });
}
