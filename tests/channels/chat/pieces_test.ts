import assert from "node:assert/strict";
import { bytes, characters, cut, truncate } from "../../../src/channels/chat/pieces.ts";

Deno.test.each([
  { text: "", limit: 5, pieces: [""] },
  { text: "short", limit: 5, pieces: ["short"] },
  { text: "one two three", limit: 8, pieces: ["one two", "three"] },
  { text: "para one\n\npara two", limit: 12, pieces: ["para one", "para two"] },
  { text: "unbreakable", limit: 4, pieces: ["unbr", "eaka", "ble"] },
  { text: "😀😀😀", limit: 3, pieces: ["😀", "😀", "😀"] },
])("$text is cut at $limit where it may be", ({ text, limit, pieces }) => {
  assert.deepEqual(cut(text, characters(limit)), pieces);
});

Deno.test("what goes beyond the most pieces ends with a mark", () => {
  assert.deepEqual(cut("aaaa bbbb cccc dddd", characters(5), 2), ["aaaa", "bbbb…"]);
});

Deno.test("a text is truncated by bytes, and never within a character", () => {
  const text = truncate("ü😀".repeat(10), bytes(20));
  assert.ok(new TextEncoder().encode(text).length <= 20);
  assert.ok(text.isWellFormed() && text.endsWith("…"));
});
