import assert from "node:assert/strict";
import { barLine, sizeOf } from "../../src/cli/bars.ts";

Deno.test.each([
  { bytes: 0, said: "0 B" },
  { bytes: 999, said: "999 B" },
  { bytes: 1_000, said: "1.0 KiB" },
  { bytes: 1_500_000, said: "1.4 MiB" },
  { bytes: 2 ** 31, said: "2.0 GiB" },
])("$bytes bytes are $said", ({ bytes, said }) => {
  assert.equal(sizeOf(bytes), said);
});

Deno.test("a bar is as full as the body, and no wider than the terminal", () => {
  const line = barLine("http://a/\x1b[2J", { bytes: 50, totalBytes: 100, rate: 10 }, 200);
  assert.match(line, /^█{12}░{12} {2}50% .*50 B\/100 B .*10 B\/s {2}http:\/\/a\/ \[2J$/);
  assert.equal(barLine("http://a/", { bytes: 50, totalBytes: 100, rate: 10 }, 20).length, 20);
});

Deno.test("a body of unknown length has no bar", () => {
  assert.match(barLine("http://a/", { bytes: 50, rate: 10 }, 200), /^ {24} +50 B +10 B\/s/);
});
