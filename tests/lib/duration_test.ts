import assert from "node:assert/strict";
import fc from "fast-check";

import { formatDuration, MAX_DURATION_MS, parseDuration } from "../../src/lib/duration.ts";

Deno.test.each([
  { text: "250ms", ms: 250 },
  { text: "0s", ms: 0 },
  { text: "30s", ms: 30_000 },
  { text: "10m", ms: 600_000 },
  { text: "1h30m", ms: 5_400_000 },
  { text: "2d", ms: 172_800_000 },
  { text: "1m500ms", ms: 60_500 },
  { text: "36525d", ms: MAX_DURATION_MS },
])("$text is $ms ms", ({ text, ms }) => assert.equal(parseDuration(text), ms));

Deno.test.each([
  { text: "" },
  { text: "30" },
  { text: "s" },
  { text: "-5s" },
  { text: "+5s" },
  { text: "1.5s" },
  { text: "1e3s" },
  { text: "30 s" },
  { text: " 30s" },
  { text: "30s\n" },
  { text: "30S" },
  { text: "1w" },
  { text: "1y" },
  { text: "٣s" },
  { text: "PT30S" },
  { text: "36525d1ms" },
  { text: "999999999d" },
  { text: "1000000000ms" },
])("$text is no duration", ({ text }) => assert.equal(parseDuration(text), undefined));

Deno.test.each([
  { ms: 0, text: "0s" },
  { ms: 1, text: "1ms" },
  { ms: 90_000, text: "1m30s" },
  { ms: 5_400_000, text: "1h30m" },
  { ms: 86_400_000, text: "1d" },
  { ms: 1_000.4, text: "1s" },
])("$ms ms is written $text", ({ ms, text }) => assert.equal(formatDuration(ms), text));

Deno.test("what formatDuration() writes, parseDuration() reads back", () => {
  fc.assert(fc.property(fc.integer({ min: 0, max: MAX_DURATION_MS }), (ms) => {
    assert.equal(parseDuration(formatDuration(ms)), ms);
  }));
});

Deno.test("the longest duration from any day of this century still is a date", () => {
  assert.ok(new Date(Date.UTC(2100, 0, 1) + MAX_DURATION_MS).toISOString());
});
