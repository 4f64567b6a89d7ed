import assert from "node:assert/strict";

import { FAILPOINTS } from "../../src/lib/failpoints.ts";
import { crash, type CrashReport } from "./suite.ts";
import { faultsOf } from "./verdict.ts";

Deno.test("killed at every failpoint and at random moments, the service loses nothing", async () => {
  const kills = 2 * FAILPOINTS.length;
  const report = await crash({ seed: 1, kills });
  assert.deepEqual(faultsOf(report, { kills, concurrency: 32 }), []);
});

Deno.test("the result names everything that a crash suite may find", () => {
  const good: CrashReport = {
    kills: Object.fromEntries(FAILPOINTS.map((name) => [name, 1])),
    acknowledged: 100,
    states: { succeeded: 100 },
    lost: [],
    failed: [],
    notMade: [],
    duplicates: 3,
    unmarked: [],
    mostInterrupted: 2,
  };
  const limits = { kills: 5, concurrency: 2 };
  assert.deepEqual(faultsOf(good, limits), []);
  const bad: Record<string, Partial<CrashReport>> = {
    "acknowledged tasks are lost": { lost: ["tsk_1"] },
    "failed without a crash": { failed: ["tsk_1"] },
    "succeeded unmade": { notMade: ["tsk_1"] },
    "doubled unmarked": { unmarked: ["tsk_1"] },
    "attempts were interrupted": { mostInterrupted: 3 },
    "duplicates": { duplicates: 11 },
    "were acknowledged": { acknowledged: 4 },
    "failpoint before_commit": { kills: { after_commit: 9 } },
  };
  for (const [text, found] of Object.entries(bad)) {
    assert.match(faultsOf({ ...good, ...found }, limits)[0] ?? "", new RegExp(text));
  }
});
