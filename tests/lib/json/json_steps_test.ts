import assert from "node:assert/strict";
import fc from "fast-check";
import { hasLongText, jsonSteps, jsonTextSteps } from "../../../src/lib/json/json_steps.ts";
import { ExactJson, ExactNumber } from "../../../src/lib/json/exact_json.ts";
import { runAtOnce } from "../../../src/lib/steps.ts";

const written = (value: object) => new TextDecoder().decode(runAtOnce(jsonSteps(value)));

Deno.test.each([
  { what: "quotation marks and controls", text: `"\\\n\u0000`.repeat(100_000) },
  { what: "surrogate pairs on every border", text: "a" + "🚚".repeat(300_000) },
  { what: "lone surrogates", text: "\ud83d".repeat(300_000) },
  { what: "a short text", text: "short" },
])("jsonSteps() writes $what as JSON.stringify() does", ({ text }) => {
  const value = { text, list: [text, 1, null], absent: undefined, number: new ExactNumber("1.0") };
  assert.equal(written(value), JSON.stringify(value));
  assert.equal(runAtOnce(jsonTextSteps(value)), JSON.stringify(value).toWellFormed());
});

Deno.test("jsonSteps() writes any JSON as JSON.stringify() does", () => {
  const json = fc.jsonValue({ noUnicodeString: false });
  fc.assert(fc.property(json, (value) => {
    assert.equal(written({ value }), JSON.stringify({ value }));
  }));
  const kept = { json: new ExactJson('{"a":1.50}') };
  assert.equal(written(kept), '{"json":{"a":1.50}}');
});

Deno.test("jsonSteps() takes a step for each slice of a long text", () => {
  const costs = [...jsonSteps({ html: "x".repeat(2 ** 24), text: "y" })];
  assert.ok(costs.length > 60, `${costs.length}`);
  assert.ok(Math.max(...costs) < 2_000);
});

Deno.test("hasLongText() is about the members of an object", () => {
  assert.equal(hasLongText({ a: 1, b: "x".repeat(300_000) }), true);
  assert.equal(hasLongText({ a: 1, b: "x", c: { d: "x".repeat(300_000) } }), false);
});
