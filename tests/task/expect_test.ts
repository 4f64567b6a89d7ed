import assert from "node:assert/strict";
import { payloadWith, pointersIn } from "./support/fetches.ts";

Deno.test("Expectations are kept as they are meant", () => {
  const { expect } = payloadWith({
    expect: { status: [200, 404], headers: { "X-A": "b" }, json: { "/a": null }, within: "1s" },
  });
  assert.deepEqual(expect, {
    status: [200, 404],
    headers: { "x-a": "b" },
    json: { "/a": null },
    withinMs: 1_000,
  });
});

const wrong: { expect: unknown; pointer: string }[] = [
  { expect: true, pointer: "/expect" },
  { expect: { state: 1 }, pointer: "/expect/state" },
  { expect: { status: [] }, pointer: "/expect/status" },
  { expect: { status: [99] }, pointer: "/expect/status/0" },
  { expect: { headers: { a: 1 } }, pointer: "/expect/headers/a" },
  { expect: { json: { a: 1 } }, pointer: "/expect/json/a" },
  { expect: { json: { "/a~2": 1 } }, pointer: "/expect/json/~1a~02" },
  { expect: { within: "soon" }, pointer: "/expect/within" },
];

Deno.test.each(wrong)("$expect is refused at $pointer", ({ expect, pointer }) => {
  assert.deepEqual(pointersIn({ expect }), [pointer]);
});
