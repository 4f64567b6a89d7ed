import assert from "node:assert/strict";
import { openQueue } from "../../src/queue/open.ts";
import { keepPurging } from "../../src/worker/purge.ts";
import { World } from "../queue/world.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { aFolder } from "../support/process.ts";

Deno.test("purging pauses only after it has looked at all tasks, even when most of them wait", async () => {
  await using folder = await aFolder();
  const clock = new FakeClock();
  await using world = new World(await openQueue(`sqlite:${folder.path}/q.db`, { clock }), clock);
  await world.engine.insert({ tasks: Array.from({ length: 20_001 }, () => world.aTask()) });
  const ended = await world.insertOne({ priority: 0 });
  await world.settle((await world.claim(1))[0]!);
  await clock.advance(10_000);

  const stop = new AbortController();
  const keeping = { retentionMs: 1_000, downloads: `${folder.path}/nowhere` };
  const purging = keepPurging(world.engine, clock, keeping, stop.signal);
  const begunAt = clock.now();
  while (await world.engine.find(ended)) {
    await clock.advance(50);
    assert.ok(clock.now() - begunAt < 30_000, "it paused before the end");
  }
  stop.abort();
  await purging;
  assert.deepEqual(await world.counts(), { queued: 20_001 });
});
