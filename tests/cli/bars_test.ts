import assert from "node:assert/strict";
import { barLine, labelsOf, sizeOf } from "../../src/cli/bars.ts";
import { cutEnd, cutMiddle, cutStart, padEnd, widthOf } from "../../src/cli/width.ts";

Deno.test.each([
  { bytes: 0, said: "0 B" },
  { bytes: 999, said: "999 B" },
  { bytes: 1_000, said: "1.0 KiB" },
  { bytes: 1_500_000, said: "1.4 MiB" },
  { bytes: 2 ** 31, said: "2.0 GiB" },
])("$bytes bytes are written as $said", ({ bytes, said }) => {
  assert.equal(sizeOf(bytes), said);
});

const PROGRESS = { bytes: 2 ** 29, totalBytes: 2 ** 30, rate: 123_456_789 };

Deno.test("a bar is as full as the body, and its line as wide as the terminal", () => {
  const line = barLine("a.org/file", PROGRESS, 79);
  assert.match(line, /^a\.org\/file +█{5}░{5} {2}50% +512\.0 MiB\/1\.0 GiB +117\.7 MiB\/s$/);
  for (const columns of [20, 40, 60, 79, 200]) {
    assert.ok(widthOf(barLine("a.org/file", PROGRESS, columns)) <= columns, `${columns}`);
  }
});

Deno.test("a body of unknown length has no bar", () => {
  assert.match(barLine("a", { bytes: 50, rate: 10 }, 79), /^a +50 B +10 B\/s$/);
});

Deno.test.each([
  { why: "ends", url: (n: number) => `https://cdn.example.org/${"deep/".repeat(20)}file-${n}.bin` },
  { why: "hosts", url: (n: number) => `http://mirror${n}.example.org/${"deep/".repeat(20)}a.iso` },
  {
    why: "middles",
    url: (n: number) => `http://example.org/${"deep/".repeat(9)}${n}/${"deep/".repeat(9)}a.iso`,
  },
  { why: "nothing", url: () => "http://example.org/same" },
  { why: "wide letters", url: (n: number) => `http://example.org/${"写真".repeat(20)}${n}.png` },
])("on 80 columns, URLs that differ in their $why have different labels", ({ url }) => {
  const labels = labelsOf([1, 2, 3, 4, 5].map(url), 79);
  assert.equal(new Set(labels).size, 5, labels.join("\n"));
  const lines = labels.map((label) => barLine(label, PROGRESS, 79));
  for (const [at, line] of lines.entries()) {
    assert.ok(line.startsWith(labels[at] ?? "?"), line);
    assert.equal(widthOf(line), 79);
  }
});

Deno.test("a label shows letters that are percent-encoded", () => {
  assert.deepEqual(labelsOf(["http://a/%E5%86%99%20%2F1", "http://a/%ff"], 79), [
    "a/写 %2F1",
    "a/%ff",
  ]);
});

Deno.test("a label does not control the terminal", () => {
  assert.deepEqual(labelsOf(["http://a/%1b[2J"], 79), ["a/ [2J"]);
  assert.deepEqual(labelsOf(["http://a/\x1b[2J"], 79), ["a/ [2J"]);
});

Deno.test("letters take as many columns as a terminal gives them", () => {
  assert.deepEqual(["abc", "写真", "e\u0301", "👩‍👩‍👧", ""].map(widthOf), [3, 4, 1, 2, 0]);
  assert.equal(cutEnd("写真写真", 5), "写真");
  assert.equal(cutStart("写真abc", 5), "…abc");
  assert.equal(cutMiddle("abcdefgh", 5), "ab…gh");
  assert.equal(padEnd("写", 4), "写  ");
  assert.equal(cutStart("abc", 0), "");
});
