import assert from "node:assert/strict";
import fc from "fast-check";

import { parseInParts, PartTooLarge } from "../../../src/lib/json/json_parts.ts";
import { runAtOnce } from "../../../src/lib/steps.ts";
import { bodyTextSteps, parseBodyText } from "../../../src/task/input/body_text.ts";

const LIMITS = { depth: 64, values: 1_000, members: 1_000, names: 1_000 };
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
    assert.deepEqual(outcome(() => parse(broken)), whole);
  }));
});

Deno.test("a member named __proto__ is a member like others", () => {
  const parsed = parse('{"__proto__": [1], "a": 1, "a": [2]}') as object;
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
  assert.throws(() => parse(wide, { ...LIMITS, depth: 9, values: 8 }), PartTooLarge);
  assert.doesNotThrow(() => parse(wide, { ...LIMITS, depth: 9, values: 9 }));
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

function nested(depth: number): unknown[] {
  return depth === 1 ? [] : [nested(depth - 1)];
}

/** More than one part can hold. */
const MANY = Array.from({ length: 20_000 }, (_, n) => n);
const WIDE = { ...LIMITS, values: 200_000, names: 100_000 };

Deno.test("a long array or object is divided at every level, a text is not", () => {
  const named = Object.fromEntries(MANY.map((n) => [`x-${n}`, { n: [n] }]));
  const value = { a: { b: [[MANY, named], "x".repeat(200_000)] }, list: [MANY, { named }], c: [] };
  for (const space of [undefined, 1]) {
    const text = JSON.stringify(value, null, space);
    const parts: string[] = [];
    const parsed = runAtOnce(parseInParts(text, WIDE, (part) => {
      parts.push(part);
      return JSON.parse(part);
    }));
    assert.deepEqual(parsed, value);
    const long = parts.filter((part) => part.length > 65_537);
    assert.deepEqual(long.map((part) => part.length), [200_002]);
  }
});

Deno.test.each([
  { kind: "in several members", more: { b: MANY, c: MANY } },
  { kind: "in a list", more: { b: [MANY, MANY] } },
  { kind: "in a list of lists", more: { b: [[MANY, MANY]] } },
  { kind: "in an object", more: { b: { c: MANY, d: MANY } } },
  { kind: "in many short lists", more: { b: MANY.map(() => [1, 2]) } },
  { kind: "as nested lists", more: { b: Array(900).fill(nested(45)) } },
  { kind: "as empty objects", more: { b: MANY.map(() => ({})) } },
])("all values count together, $kind", ({ more }) => {
  const text = JSON.stringify({ a: 1, ...more });
  assert.doesNotThrow(() => parse(text, { ...WIDE, values: 60_020 }));
  assert.throws(() => parse(text, { ...WIDE, values: 39_900 }), { limit: "values" });
});

Deno.test("an object has a limit of names", () => {
  const text = (more: object) => JSON.stringify({ a: 1, ...more });
  const named = (count: number) =>
    Object.fromEntries(MANY.slice(0, count).map((n) => [`x${n}`, n]));
  const names = { ...WIDE, names: 10_000 };
  assert.doesNotThrow(() => parse(text({ b: [{ c: named(10_000) }] }), names));
  assert.throws(() => parse(text({ b: [{ c: named(10_001) }] }), names), { limit: "names" });
});

Deno.test("a body parsed in parts keeps the same members as text as one parsed at once", () => {
  const name = fc.constantFrom("json", "requests", "notify", "onSuccess", "a", "__proto__");
  const { tree } = fc.letrec((tie) => ({
    leaf: fc.oneof(fc.double(), fc.string(), fc.constant(MANY), fc.constant("x".repeat(70_000))),
    list: fc.array(tie("tree"), { maxLength: 2 }),
    object: fc.dictionary(name, tie("tree"), { maxKeys: 3 }),
    tree: fc.oneof({ depthSize: "small" }, tie("leaf"), tie("list"), tie("object")),
  }));
  const body = fc.dictionary(name, tree, { minKeys: 1, maxKeys: 4 });
  fc.assert(
    fc.property(body, fc.constantFrom(undefined, 1), (value, space) => {
      const text = JSON.stringify(value, null, space);
      assert.deepEqual(runAtOnce(bodyTextSteps(text, WIDE)), parseBodyText(text));
    }),
    { numRuns: 40 },
  );
});
