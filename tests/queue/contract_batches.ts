/**
 * Batch concurrency: what every engine promises.
 *
 * @module
 */

import assert from "node:assert/strict";
import fc from "fast-check";
import type { NewTask } from "../../src/task/task.ts";
import { LANE, type OpenEngine, World } from "./world.ts";
import { runs } from "../support/runs.ts";

const OTHER = "http://other.example:80";

/** Inserts a batch of such tasks. */
async function aBatch(world: World, concurrency: number, fields: Partial<NewTask>[]) {
  const id = world.ids("bat");
  const tasks = fields.map((one) => world.aTask({ ...one, batchId: id }));
  const batch = { id, createdAt: world.clock.now(), concurrency };
  assert.deepEqual(await world.engine.insert({ tasks, batch }), { kind: "stored" });
  return { id, ids: tasks.map((task) => task.id) };
}

/** Registers the suite for one engine. */
export function batchContract(name: string, open: OpenEngine): void {
  Deno.test(`${name}: a batch runs no more tasks at once than its concurrency, whatever their lanes`, async () => {
    await using world = await World.open(open);
    const { ids } = await aBatch(world, 2, [{}, {}, { lane: OTHER }, { lane: OTHER }, {}]);
    const [single] = await world.insert({});
    const first = await world.claim();
    assert.deepEqual(first.map(({ id }) => id).sort(), [ids[0], ids[1], single].sort());
    assert.equal((await world.engine.find(ids[2] ?? ""))?.behind, "batch");
    assert.deepEqual(await world.claim(), []);
    await world.settle(first.find(({ id }) => id === ids[0])!);
    assert.deepEqual(await world.claimIds(), [ids[2]]);
    assert.deepEqual(await world.claim(), []);
  });

  Deno.test(`${name}: a task that waits for its next attempt lets others of its batch run`, async () => {
    await using world = await World.open(open);
    const { ids } = await aBatch(world, 1, [{}, {}]);
    const [one] = await world.claim();
    await world.retry(one!, 1_000);
    const [two] = await world.claim();
    assert.equal(two?.id, ids[1]);
    await world.clock.advance(1_000);
    assert.deepEqual(await world.claim(), []);
    await world.settle(two!);
    assert.deepEqual(await world.claimIds(), [ids[0]]);
  });

  Deno.test(`${name}: a batch sums the bytes of its succeeded tasks only`, async () => {
    await using world = await World.open(open);
    const { id } = await aBatch(world, 3, [{}, {}, {}]);
    const [one, two, three] = await world.claim();
    const bytes = async () => (await world.engine.findBatch(id))?.bytes;
    assert.equal(await bytes(), 0);
    await world.settle(one!, { result: { bytes: 700 } });
    await world.settle(two!, { result: { bytes: 42, status: 200 } });
    await world.settle(three!, { event: "fail", result: { bytes: 9_000 } });
    assert.equal(await bytes(), 742);
  });

  Deno.test(`${name}: a held lane does not hold the other lanes of a batch`, async () => {
    await using world = await World.open(open);
    const { ids } = await aBatch(world, 1, [{}, {}, {}, { lane: OTHER }]);
    const [one] = await world.claim();
    const until = world.clock.now() + 60_000;
    await world.settle(one!, { hold: { until, reason: "429" } });
    assert.deepEqual(await world.claimIds(), [ids[3]]);
  });

  Deno.test(`${name}: a task that is cancelled while it waits for its batch leaves no gap`, async () => {
    await using world = await World.open(open);
    const { ids } = await aBatch(world, 1, [{}, {}, {}]);
    const [one] = await world.claim();
    assert.equal(await world.engine.cancel(ids[1] ?? "", "request"), "cancelled");
    await world.settle(one!);
    assert.deepEqual(await world.claimIds(), [ids[2]]);
  });

  Deno.test(`${name}: in random runs no batch exceeds its concurrency, and every batch ends`, async () => {
    const aTask = fc.record({
      lane: fc.constantFrom(LANE, OTHER),
      key: fc.constantFrom(undefined, "a", "b"),
      delayMs: fc.constantFrom(0, 0, 0, 50),
      fate: fc.constantFrom("succeed", "retry", "cancel", "expire"),
    });
    const aLife = fc.record({
      concurrency: fc.integer({ min: 1, max: 4 }),
      tasks: fc.array(aTask, { minLength: 1, maxLength: 25 }),
    });
    await fc.assert(
      fc.asyncProperty(aLife, async ({ concurrency, tasks }) => {
        await using world = await World.open(open);
        const now = world.clock.now();
        const { id, ids } = await aBatch(
          world,
          concurrency,
          tasks.map(({ lane, key, delayMs, fate }) => ({
            lane,
            dueAt: now + delayMs,
            ...(key === undefined ? {} : { key }),
            ...(fate === "expire" ? { expiresAt: now + 30 } : {}),
          })),
        );
        const fates = new Map(ids.map((task, index) => [task, tasks[index]?.fate]));
        for (const [task, fate] of fates) {
          if (fate === "cancel") await world.engine.cancel(task, "request");
        }
        for (let turn = 0; turn < 1_000; turn++) {
          const batch = await world.engine.findBatch(id);
          if (batch?.done) return;
          const claimed = await world.claim(3);
          const running = (await world.engine.findBatch(id))?.counts.running ?? 0;
          assert.ok(running <= concurrency, `${running} of ${concurrency} run`);
          for (const task of claimed) {
            const again = fates.get(task.id) === "retry" && task.attempt === 1;
            await (again ? world.retry(task, 10) : world.settle(task));
          }
          await world.clock.advance(10);
        }
        assert.fail("It never ends");
      }),
      { numRuns: runs(10, 40) },
    );
  });
}
