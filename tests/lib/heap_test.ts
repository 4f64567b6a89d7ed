import assert from "node:assert/strict";
import fc from "fast-check";
import { Heap } from "../../src/lib/heap.ts";

Deno.test("a heap gives back what it was given, in order", () => {
  fc.assert(fc.property(fc.array(fc.integer()), (numbers) => {
    const heap = new Heap<number>((a, b) => a < b);
    for (const number of numbers) heap.push(number);
    assert.equal(heap.size, numbers.length);
    const sorted = numbers.toSorted((a, b) => a - b);
    assert.equal(heap.peek(), sorted[0]);
    assert.deepEqual(numbers.map(() => heap.pop()), sorted);
    assert.equal(heap.pop(), undefined);
  }));
});

Deno.test("a heap lets go of what is not wanted, and keeps its order", () => {
  fc.assert(fc.property(fc.array(fc.integer()), (numbers) => {
    const heap = new Heap<number>((a, b) => a < b);
    for (const number of numbers) heap.push(number);
    heap.keep((number) => number % 2 === 0);
    const kept = numbers.filter((number) => number % 2 === 0).toSorted((a, b) => a - b);
    assert.deepEqual(kept.map(() => heap.pop()), kept);
    assert.equal(heap.size, 0);
  }));
});
