import assert from "node:assert/strict";

import { isNestedDeeper, isSameJson, pointerPath, pointerTo, valueAt } from "../../src/lib/json.ts";

Deno.test("a pointer is read as it was written, slashes and tildes included", () => {
  const path = ["a/b", "~", "", 0, "~1"];
  assert.equal(pointerTo(path), "/a~1b/~0//0/~01");
  assert.deepEqual(pointerPath(pointerTo(path)), path.map(String));
  assert.deepEqual(pointerPath(""), []);
});

Deno.test("valueAt() finds members and items, and nothing that is inherited", () => {
  const json = { list: [1, { "a/b": 2 }], none: null };
  assert.equal(valueAt(json, "/list/1/a~1b"), 2);
  assert.equal(valueAt(json, "/none"), null);
  for (const pointer of ["/list/01", "/list/-", "/toString", "/list/length", "/none/x"]) {
    assert.equal(valueAt(json, pointer), undefined, pointer);
  }
});

Deno.test("isSameJson() compares whatever the order of members", () => {
  assert.equal(isSameJson({ a: [1, { b: 2 }], c: null }, { c: null, a: [1, { b: 2 }] }), true);
  assert.equal(isSameJson([1], { 0: 1 }), false);
  assert.equal(isSameJson({ a: 1 }, { b: 1 }), false);
});

Deno.test("isNestedDeeper() counts brackets, but not those in strings", () => {
  assert.equal(isNestedDeeper("[[[]]]", 3), false);
  assert.equal(isNestedDeeper("[[[]]]", 2), true);
  assert.equal(isNestedDeeper(String.raw`["[[[", "\"[[[\\", {"[": 1}]`, 2), false);
  assert.equal(isNestedDeeper('"[[[', 1), false);
});
