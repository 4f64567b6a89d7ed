import assert from "node:assert/strict";
import fc from "fast-check";
import { Slab } from "../../src/lib/slab.ts";

Deno.test("slots give back what was put under a number, and only that", () => {
  const slots = new Slab<string>();
  const [a, b] = [slots.add("a"), slots.add("b")];
  assert.deepEqual([slots.get(a), slots.get(b), slots.get(0), slots.get(99)], [
    "a",
    "b",
    undefined,
    undefined,
  ]);
  assert.equal(slots.remove(a), "a");
  assert.deepEqual([slots.get(a), slots.remove(a), slots.size], [undefined, undefined, 1]);
});

Deno.test("a number that is free is given out again, one in use never", () => {
  fc.assert(fc.property(fc.array(fc.nat(20)), (steps) => {
    const slots = new Slab<number>();
    const model = new Map<number, number>();
    let most = 0;
    for (const [item, step] of steps.entries()) {
      const numbers = [...model.keys()];
      const gone = numbers[step];
      if (gone === undefined) {
        const number = slots.add(item);
        assert.ok(number > 0 && !model.has(number));
        model.set(number, item);
        most = Math.max(most, model.size);
        assert.ok(number <= most);
      } else {
        assert.equal(slots.remove(gone), model.get(gone));
        model.delete(gone);
      }
      assert.equal(slots.size, model.size);
      assert.deepEqual(slots.values().toSorted(), [...model.values()].toSorted());
    }
  }));
});
