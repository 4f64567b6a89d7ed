import assert from "node:assert/strict";
import fc from "fast-check";

import { parseInParts, PartTooLarge } from "../../../src/lib/json/json_parts.ts";
import { runAtOnce } from "../../../src/lib/steps.ts";

const LIMITS = { depth: 64, values: 1_000, members: 1_000 };
const parse = (text: string, limits = LIMITS) =>
  runAtOnce(parseInParts(text, limits, (part) => JSON.parse(part)));

Deno.test("an object parsed in parts is what JSON.parse makes of it", () => {
  const object = fc.dictionary(fc.string(), fc.oneof(fc.jsonValue(), fc.array(fc.jsonValue())));
  const indent = fc.constantFrom("", "  ", "\t");
  fc.assert(fc.property(object, indent, (value, space) => {
    const text = JSON.stringify(value, null, space);
    assert.deepEqual(parse(text), JSON.parse(text));
  }));
});

Deno.test("a text that JSON.parse refuses is refused in parts too, and no other", () => {
  const text = fc.dictionary(fc.string(), fc.array(fc.jsonValue())).map((value) =>
    JSON.stringify(value)
  );
  const letter = fc.constantFrom("", ",", "]", "}", "{", "[", ":", '"', "\\", "x", "1", " ");
  fc.assert(fc.property(text, fc.nat(), letter, (text, at, put) => {
    const cut = at % (text.length + 1);
    const broken = text.slice(0, cut) + put + text.slice(cut + 1);
    const whole = outcome(() => JSON.parse(broken));
    // Values that are no objects have no parts.
    if (whole !== "refused" && !/^\s*\{/.test(broken)) return;
    assert.deepEqual(outcome(() => parse(broken)), whole);
  }));
});

Deno.test("a member named __proto__ is a member like others", () => {
  const parsed = parse('{"__proto__": [1], "a": 1, "a": [2]}');
  assert.deepEqual(Object.entries(parsed), [["__proto__", [1]], ["a", [2]]]);
  assert.equal(Object.getPrototypeOf(parsed), Object.prototype);
});

Deno.test("each item of a list is a step, and each part has its limits", () => {
  const steps = parseInParts(
    '{"list": [1, {"a": 2}, "x"], "b": {}}',
    LIMITS,
    (part) => JSON.parse(part),
  );
  let count = 0;
  while (!steps.next().done) count++;
  assert.equal(count, 4);
  const deep = `{"list": [${"[".repeat(5)}${"]".repeat(5)}]}`;
  assert.throws(() => parse(deep, { ...LIMITS, depth: 6, values: 9 }), { limit: "depth" });
  assert.doesNotThrow(() => parse(deep, { ...LIMITS, depth: 7, values: 9 }));
  const wide = `{"list": [[${Array(9).fill(1)}]]}`;
  assert.throws(() => parse(wide, { ...LIMITS, depth: 9, values: 7 }), PartTooLarge);
  assert.doesNotThrow(() => parse(wide, { ...LIMITS, depth: 9, values: 8 }));
});

function outcome(make: () => unknown): unknown {
  try {
    return make();
  } catch (error) {
    assert.ok(error instanceof SyntaxError, `${error}`);
    return "refused";
  }
}

Deno.test("an object of too many members is refused before the rest is read", () => {
  const text = (count: number) =>
    `{${Array.from({ length: count }, (_, n) => `"f${n}":1`).join()},!}`;
  assert.throws(() => parse(text(1_000)), SyntaxError);
  assert.throws(() => parse(text(1_001)), PartTooLarge);
});
