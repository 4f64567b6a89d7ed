import assert from "node:assert/strict";
import fc from "fast-check";
import { errorPosition } from "../../../src/http/request/body.ts";

Deno.test("valid JSON has no syntax error", () => {
  fc.assert(fc.property(fc.json(), (text) => assert.equal(errorPosition(text), text.length)));
});

Deno.test("the text before the error is a prefix of valid JSON, the text including it is not", () => {
  const mangled = fc.tuple(
    fc.json(),
    fc.nat(),
    fc.constantFrom("", ",", "}", "]", ":", "x", "\u0001"),
  );
  fc.assert(fc.property(mangled, ([text, at, put]) => {
    const cut = at % (text.length + 1);
    const broken = text.slice(0, cut) + put + text.slice(cut + 1);
    const position = errorPosition(broken);
    assert.ok(position >= 0 && position <= broken.length);
    if (isJson(broken)) assert.equal(position, broken.length);
  }));
});

Deno.test.each([
  { text: "[1,]", at: 3 },
  { text: "[1 2]", at: 3 },
  { text: '{"a" 1}', at: 5 },
  { text: "{a:1}", at: 1 },
  { text: "]", at: 0 },
  { text: "[}", at: 1 },
  { text: "{]", at: 1 },
  { text: "01", at: 1 },
  { text: "[1]]", at: 3 },
  { text: "tru", at: 0 },
  { text: '"\\x"', at: 0 },
])("$text is broken at $at", ({ text, at }) => assert.equal(errorPosition(text), at));

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
