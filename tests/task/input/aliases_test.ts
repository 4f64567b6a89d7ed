import assert from "node:assert/strict";
import { parseAliases } from "../../../src/task/input/aliases.ts";

Deno.test("an alias names one target or several", () => {
  const parsed = parseAliases({ a: "ada@example.org", b: ["bob@example.org", "slack://x/y/z"] });
  assert.ok(!parsed.issues);
  assert.deepEqual(Object.fromEntries(parsed.value), {
    a: ["ada@example.org"],
    b: ["bob@example.org", "slack://x/y/z"],
  });
});

Deno.test.each([
  { given: [], pointers: [""] },
  { given: { "": "x" }, pointers: ["/"] },
  { given: { a: [] }, pointers: ["/a"] },
  { given: { a: " " }, pointers: ["/a"] },
  { given: { a: ["x", 1], "b/c": "x" }, pointers: ["/a", "/b~1c"] },
])("what names no target is refused: $given", ({ given, pointers }) => {
  assert.deepEqual(parseAliases(given).issues?.map(({ pointer }) => pointer), pointers);
});
