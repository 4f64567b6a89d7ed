import assert from "node:assert/strict";
import { silentLog } from "../support/silent_log.ts";
import { sampleWarnings } from "../../src/lib/sampled_log.ts";
import { FakeClock } from "../support/fake_clock.ts";

Deno.test("a kind of warning is logged once a second, with the number of those left out", async () => {
  const clock = new FakeClock();
  const lines: [string, unknown][] = [];
  const log = {
    ...silentLog,
    warn: (message: string, fields?: unknown) => lines.push([message, fields]),
  };
  const warn = sampleWarnings(log, clock);
  warn("a", "A", { n: 1 });
  warn("b", "B", { n: 2 });
  assert.deepEqual(lines.splice(0), [["A", { n: 1 }], ["B", { n: 2 }]]);
  for (let n = 3; n <= 1_000; n++) warn("a", "A", { n });
  assert.deepEqual(lines, []);
  await clock.advance(1_000);
  assert.deepEqual(lines.splice(0), [["A", { n: 1_000, count: 998 }]]);
  warn("a", "A", { n: 1_001 });
  await clock.advance(1_000);
  assert.deepEqual(lines.splice(0), [["A", { n: 1_001 }]]);
  await clock.advance(2_000);
  warn("a", "A", { n: 1_002 });
  assert.deepEqual(lines, [["A", { n: 1_002 }]]);
});
