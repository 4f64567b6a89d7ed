import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import { sleep } from "../../../src/lib/clock.ts";
import { Grouped } from "../../../src/queue/postgres/group.ts";
import { FakeClock } from "../../support/fake_clock.ts";

/** Groups of at most three items, at most two at once, that end when they are told to. */
function setup() {
  const begun: number[][] = [];
  const ends: (() => void)[] = [];
  const groups = new Grouped<number, number>(async (items) => {
    begun.push(items);
    await new Promise<void>((resolve) => ends.push(resolve));
    return items;
  }, { maxItems: 3, maxGroups: 2 });
  return { begun, ends, add: (item: number) => groups.add(item) };
}

Deno.test("items that arrive while a group runs form the next one", async () => {
  const { begun, ends, add } = setup();
  const first = add(1);
  await setImmediate();
  const others = [add(2), add(3)];
  await setImmediate();
  assert.deepEqual(begun, [[1]]);
  ends[0]?.();
  await first;
  await setImmediate();
  assert.deepEqual(begun, [[1], [2, 3]]);
  ends[1]?.();
  assert.deepEqual(await Promise.all(others), [2, 3]);
});

Deno.test("a full group begins beside a running one, and no third does", async () => {
  const { begun, ends, add } = setup();
  const all = [add(1)];
  await setImmediate();
  for (const item of [2, 3, 4, 5, 6, 7]) all.push(add(item));
  await setImmediate();
  await setImmediate();
  assert.deepEqual(begun, [[1], [2, 3, 4]]);
  ends[1]?.();
  await Promise.all(all.slice(1, 4));
  await setImmediate();
  assert.deepEqual(begun, [[1], [2, 3, 4], [5, 6, 7]]);
  for (const end of ends) end();
  assert.deepEqual(await Promise.all(all), [1, 2, 3, 4, 5, 6, 7]);
});

/** Groups that take 4 ms and wait for at most ten callers. */
function setupWaiting() {
  const clock = new FakeClock();
  const sizes: number[] = [];
  const groups = new Grouped<number, number>(async (items) => {
    sizes.push(items.length);
    await sleep(clock, 4);
    return items;
  }, { maxItems: 20, maxGroups: 2, waitsFor: 10, clock });
  const add = (count: number) => {
    for (let item = 0; item < count; item++) groups.add(item);
  };
  return { clock, sizes, add };
}

Deno.test("a group waits for as many callers as there were", async () => {
  const { clock, sizes, add } = setupWaiting();
  add(9);
  await clock.advance(4);
  add(8);
  await clock.advance(1);
  assert.deepEqual(sizes, [9]);
  add(1);
  await clock.advance(0);
  assert.deepEqual(sizes, [9, 9]);
});

Deno.test("a group waits no longer than the last one took", async () => {
  const { clock, sizes, add } = setupWaiting();
  add(15);
  await clock.advance(4);
  add(2);
  await clock.advance(3);
  assert.deepEqual(sizes, [15]);
  await clock.advance(1);
  assert.deepEqual(sizes, [15, 2]);
  // Two callers are not worth another wait.
  await clock.advance(4);
  add(1);
  await clock.advance(0);
  assert.deepEqual(sizes, [15, 2, 1]);
});

Deno.test("a group waits for no more callers than it was told to", async () => {
  const { clock, sizes, add } = setupWaiting();
  add(18);
  await clock.advance(4);
  add(10);
  await clock.advance(0);
  assert.deepEqual(sizes, [18, 10]);
});
