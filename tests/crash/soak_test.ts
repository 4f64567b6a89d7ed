import assert from "node:assert/strict";
import { soak, soakFaults, type SoakReport } from "./soak.ts";

Deno.test("Nothing is lost under a mixed load with faults, kills and drains", async () => {
  const seed = crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;
  const report = await soak({ seed, minutes: 0.1, cycles: 1, idleMs: 0 });
  const { lost, failed, notMade, unmarked, badExits, kills, drains } = report;
  assert.deepEqual({ lost, failed, notMade, unmarked, badExits }, {
    lost: [],
    failed: [],
    notMade: [],
    unmarked: [],
    badExits: [],
  }, `seed ${seed}`);
  assert.ok(kills > 0 && drains > 0, `${kills} kills, ${drains} drains`);
});

Deno.test.each([
  { what: "nothing", more: {}, faults: [] },
  { what: "a lost task", more: { lost: ["tsk_1"] }, faults: ["lost: 1, such as tsk_1"] },
  { what: "a bad exit", more: { badExits: [1] }, faults: ["badExits: 1, such as 1"] },
  {
    what: "growth",
    more: { calm: [[{ rss: 200, descriptors: 80 }, { rss: 261, descriptors: 89 }]] as const },
    faults: ["memory grew from 200 to 261 MiB", "descriptors grew from 80 to 89"],
  },
])("A soak that found $what says so", ({ more, faults }) => {
  const report = {
    acknowledged: 1,
    states: {},
    lost: [],
    failed: [],
    notMade: [],
    duplicates: 0,
    unmarked: [],
    kills: 1,
    drains: 1,
    badExits: [],
    calm: [[{ rss: 200, descriptors: 80 }, { rss: 260, descriptors: 88 }]],
    livezP99: 1,
    ...more,
  } as unknown as SoakReport;
  assert.deepEqual(soakFaults(report), faults);
});
