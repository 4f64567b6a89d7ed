import assert from "node:assert/strict";
import { silentLog } from "../support/silent_log.ts";
import { sampleLines } from "../../src/lib/sampled_log.ts";
import { FakeClock } from "../support/fake_clock.ts";

Deno.test("a kind of warning is logged once a second, with the number of those left out", async () => {
  const clock = new FakeClock();
  const lines: [string, unknown][] = [];
  const log = {
    ...silentLog,
    warn: (message: string, fields?: unknown) => lines.push([message, fields]),
  };
  const warn = sampleLines(log, clock);
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

Deno.test("what waits is logged when the service ends, at its level and with its ids", () => {
  const lines: [string, string, unknown][] = [];
  const log = {
    ...silentLog,
    warn: (message: string, fields?: unknown) => lines.push(["warn", message, fields]),
    error: (message: string, fields?: unknown) => lines.push(["error", message, fields]),
  };
  const ending = new AbortController();
  const sample = sampleLines(log, new FakeClock(), ending.signal);
  for (const id of ["1", "2", "3"]) sample("a", "A", {}, id, "error");
  for (const id of ["4", "5"]) sample("b", "B", {}, id);
  lines.length = 0;
  ending.abort();
  assert.deepEqual(lines.splice(0), [
    ["error", "A", { count: 2, ids: ["2", "3"] }],
    ["warn", "B", {}],
  ]);
  sample("a", "A", {}, "6");
  assert.deepEqual(lines, [["warn", "A", {}]]);
});
