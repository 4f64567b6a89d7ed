import assert from "node:assert/strict";
import { parseRate } from "../../src/lib/rate_text.ts";

Deno.test.each([
  { text: "100/1m", count: 100, windowMs: 60_000 },
  { text: " 1/1s ", count: 1, windowMs: 1_000 },
  { text: "5/1h30m", count: 5, windowMs: 5_400_000 },
])(
  "$text is $count in $windowMs ms",
  ({ text, ...rate }) => assert.deepEqual(parseRate(text), rate),
);

Deno.test.each(["", "100", "0/1m", "-1/1m", "1.5/1m", "100/0s", "100/m", "1m/100", "1/1m/1"])(
  "%j is no rate",
  (text) => assert.throws(() => parseRate(text), RangeError),
);
