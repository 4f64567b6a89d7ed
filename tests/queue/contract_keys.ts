/** Keys: one task of a key at a time, in the order of acceptance. */

import assert from "node:assert/strict";
import { type OpenEngine, World } from "./world.ts";

/** Registers the tests for an engine. */
export function keyContract(name: string, open: OpenEngine): void {
  Deno.test(`${name}: tasks of a key run one at a time in the order of acceptance, whatever their priority`, async () => {
    await using world = await World.open(open);
    const [one, two, three] = await world.insert(
      { key: "k" },
      { key: "k", priority: 9 },
      { key: "k", priority: 0, lane: "outbox" },
    );
    const other = await world.insertOne({ key: "other" });
    const [first, free] = await world.claim();
    assert.deepEqual({ first: first?.id, free: free?.id }, { first: one, free: other });
    await world.settle(first!);
    const second = await world.claimOne();
    assert.equal(second.id, two);
    await world.settle(second, { event: "fail", reason: "rejected", delivery: "not_delivered" });
    assert.equal((await world.claimOne()).id, three);
  });

  Deno.test(`${name}: the same key of two owners is two keys`, async () => {
    await using world = await World.open(open);
    const owners = ["alice", "bob", undefined];
    const [first, second, third, ...later] = await world.insert(
      ...[...owners, ...owners].map((owner) => owner ? { key: "k", owner } : { key: "k" }),
    );
    const claimed = await world.claim();
    assert.deepEqual(claimed.map(({ id }) => id).sort(), [first, second, third].sort());
    // Each owner's next task follows the owner's first.
    await world.settle(claimed.find(({ id }) => id === second)!);
    assert.deepEqual(await world.claimIds(), [later[1]]);
    await world.engine.cancel(third!, "request");
    await world.settle(claimed.find(({ id }) => id === third)!, { event: "cancel" });
    assert.deepEqual(await world.claimIds(), [later[2]]);
  });

  Deno.test(`${name}: a task that waits for its next attempt holds its key`, async () => {
    await using world = await World.open(open);
    const [one, two] = await world.insert({ key: "k" }, { key: "k" });
    await world.retry(await world.claimOne(), 1_000);
    assert.deepEqual(await world.claim(), []);
    await world.clock.advance(1_000);
    const again = await world.claimOne();
    assert.equal(again.id, one);
    await world.settle(again, { event: "release" });
    const released = await world.claimOne();
    assert.equal(released.id, one);
    await world.settle(released);
    assert.deepEqual(await world.claimIds(), [two]);
  });

  Deno.test(`${name}: a task that waits for its own delay does not hold its key, and joins when it is due`, async () => {
    await using world = await World.open(open);
    const [delayed, two, three] = await world.insert(
      { key: "k", dueAt: world.clock.now() + 1_000 },
      { key: "k" },
      { key: "k" },
    );
    const second = await world.claimOne();
    assert.equal(second.id, two);
    await world.clock.advance(1_000);
    assert.deepEqual(await world.claim(), []);
    await world.settle(second);
    const first = await world.claimOne();
    assert.equal(first.id, delayed);
    await world.settle(first);
    assert.deepEqual(await world.claimIds(), [three]);
  });

  Deno.test(`${name}: a key passes on when its holder is cancelled or expires`, async () => {
    await using world = await World.open(open);
    const [holder, parked, expiring, last] = await world.insert(
      { key: "k" },
      { key: "k" },
      { key: "k", expiresAt: world.clock.now() + 1_000 },
      { key: "k" },
    );
    await world.engine.cancel(parked!, "request");
    await world.engine.cancel(holder!, "request");
    await world.engine.limitLane("http://example.org:80", 0);
    await world.clock.advance(1_000);
    await world.engine.limitLane("http://example.org:80", 64);
    assert.equal(await world.stateOf(expiring!), "expired");
    assert.deepEqual(await world.claimIds(), [last]);
  });

  Deno.test(`${name}: a revived task joins its key again at its old place`, async () => {
    await using world = await World.open(open);
    const [one, two, three] = await world.insert({ key: "k" }, { key: "k" }, { key: "k" });
    await world.engine.cancel(one!, "request");
    const second = await world.claimOne();
    assert.equal(second.id, two);
    await world.engine.revive(one!);
    assert.deepEqual(await world.claim(), []);
    await world.settle(second);
    const first = await world.claimOne();
    assert.equal(first.id, one);
    await world.settle(first);
    assert.deepEqual(await world.claimIds(), [three]);
  });
}
