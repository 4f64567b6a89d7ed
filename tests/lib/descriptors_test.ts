import assert from "node:assert/strict";

import { areFree, openReserve } from "../../src/lib/descriptors.ts";

/** A process that may open so many files. */
function openLimit(most: number) {
  let open = 0;
  return {
    get left() {
      return most - open;
    },
    open(): Disposable {
      if (open === most) throw new Error("Too many open files");
      open++;
      return { [Symbol.dispose]: () => void open-- };
    },
  };
}

Deno.test("a reserve holds what others then cannot have, until it lets go", () => {
  const limit = openLimit(10);
  const reserve = openReserve(4, limit.open);
  assert.equal(limit.left, 10);
  assert.equal(reserve.take(), true);
  assert.equal(limit.left, 6);
  assert.equal(reserve.take(), true);
  assert.equal(limit.left, 6);
  reserve.release();
  assert.equal(limit.left, 10);
});

Deno.test("a reserve that cannot be held whole is not held at all", () => {
  const limit = openLimit(3);
  using reserve = openReserve(4, limit.open);
  assert.equal(reserve.take(), false);
  assert.equal(limit.left, 3);
});

Deno.test.each([
  { asked: 10, free: true },
  { asked: 11, free: false },
])("of ten descriptors $asked are free: $free", ({ asked, free }) => {
  const limit = openLimit(10);
  assert.equal(areFree(asked, limit.open), free);
  assert.equal(limit.left, 10);
});

Deno.test("real files are opened and closed again", () => {
  assert.equal(areFree(8), true);
});
