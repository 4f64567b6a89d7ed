/** Schedules and hook deliveries, stored together with the tasks they make. */

import assert from "node:assert/strict";
import type { StoredDelivery } from "../../src/task/trigger.ts";
import { type OpenEngine, World } from "./world.ts";

/** Registers the tests for an engine. */
export function triggerContract(name: string, open: OpenEngine): void {
  Deno.test(`${name}: a schedule is changed only from its present version, with its tasks or not at all`, async () => {
    await using world = await World.open(open);
    const { engine } = world;
    const first = await engine.insert({
      tasks: [],
      schedule: { name: "nightly", expects: 0, record: { nextAt: 1 } },
    });
    assert.ok(first.kind === "stored" && first.version);
    const tick = (expects: number) =>
      engine.insert({
        tasks: [world.aTask()],
        schedule: { name: "nightly", expects, record: { nextAt: 2 } },
      });
    const ticks = await Promise.all([tick(first.version), tick(first.version), tick(0)]);
    assert.deepEqual(ticks.map(({ kind }) => kind), ["stored", "stale", "stale"]);
    assert.deepEqual(await world.counts(), { queued: 1 });
    const [kept, ...more] = await engine.schedules();
    assert.deepEqual(more, []);
    assert.deepEqual(kept, {
      name: "nightly",
      version: (ticks[0] as { version: number }).version,
      record: { nextAt: 2 },
    });
    await engine.insert({ tasks: [], schedule: { name: "nightly", expects: kept!.version } });
    assert.deepEqual(await engine.schedules(), []);
    assert.equal((await tick(kept!.version)).kind, "stale");
  });

  Deno.test(`${name}: a full queue refuses a schedule's run, and accepts what makes no task`, async () => {
    await using world = await World.open(open, 1);
    await world.insertOne();
    const schedule = { name: "nightly", expects: 0, record: {} };
    const tick = { tasks: [world.aTask()], schedule };
    assert.deepEqual(await world.engine.insert(tick), { kind: "refused", code: "queue_full" });
    assert.deepEqual(await world.engine.schedules(), []);
    assert.equal((await world.engine.insert({ tasks: [], schedule })).kind, "stored");
  });

  Deno.test(`${name}: a delivery is stored with its tasks, once for each id of the sender`, async () => {
    await using world = await World.open(open);
    const { engine, clock } = world;
    const receive = (key: string) => {
      const delivery: StoredDelivery = {
        id: world.ids("hkd"),
        hook: "builds",
        receivedAt: clock.now(),
        verdict: { kind: "accepted" },
        content: `{"key":"${key}"}`,
      };
      const idempotency = {
        scope: "hook builds",
        key,
        fingerprint: "",
        expiresAt: clock.now() + 600_000,
      };
      return {
        delivery,
        inserted: engine.insert({ tasks: [world.aTask()], delivery, idempotency }),
      };
    };
    const one = receive("a");
    assert.deepEqual(await one.inserted, { kind: "stored" });
    assert.deepEqual(await receive("a").inserted, { kind: "replayed", id: one.delivery.id });
    assert.deepEqual(await world.counts(), { queued: 1 });
    assert.deepEqual(await engine.findDelivery(one.delivery.id), one.delivery);
    await clock.advance(600_000);
    assert.equal((await receive("a").inserted).kind, "stored");
  });

  Deno.test(`${name}: deliveries are listed by hook, newest first, page by page, without their content`, async () => {
    await using world = await World.open(open);
    const ids: string[] = [];
    for (const hook of ["a", "b", "a", "a"]) {
      const id = world.ids("hkd");
      if (hook === "a") ids.unshift(id);
      const delivery = { id, hook, receivedAt: world.clock.now(), verdict: {}, content: "{}" };
      await world.engine.insert({ tasks: [], delivery });
    }
    const first = await world.engine.deliveries("a", 2);
    const second = await world.engine.deliveries("a", 2, first.nextCursor);
    const seen = [...first.deliveries, ...second.deliveries];
    assert.deepEqual(seen.map(({ id }) => id), ids);
    assert.ok(seen.every((delivery) => !("content" in delivery)));
    assert.equal(second.nextCursor, undefined);
    assert.equal(await world.engine.findDelivery(world.ids("hkd")), undefined);
    assert.equal(await world.engine.findDelivery("nonsense"), undefined);
    assert.ok(world.engine.lastSequence > 0);
  });

  Deno.test(`${name}: a delivery is rewritten under its id, and purged with old tasks`, async () => {
    await using world = await World.open(open);
    const { engine, clock } = world;
    const id = world.ids("hkd");
    const delivery = { id, hook: "a", receivedAt: clock.now(), verdict: { n: 1 }, content: "{}" };
    await engine.insert({ tasks: [], delivery });
    await engine.insert({ tasks: [world.aTask()], delivery: { ...delivery, verdict: { n: 2 } } });
    assert.deepEqual((await engine.findDelivery(id))?.verdict, { n: 2 });
    assert.equal((await engine.deliveries("a", 10)).deliveries.length, 1);
    await engine.purge(clock.now(), 10);
    assert.ok(await engine.findDelivery(id));
    // More deliveries may be left, although no task is.
    assert.equal((await engine.purge(clock.now() + 1, 1)).isOver, false);
    assert.equal(await engine.findDelivery(id), undefined);
    assert.equal((await engine.purge(clock.now() + 1, 1)).isOver, true);
  });
}
