import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import { Grouped } from "../../../src/queue/postgres/group.ts";

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
