import assert from "node:assert/strict";
import { hasPostgres } from "../support/postgres.ts";
import { crashNodes, LANE_LIMIT } from "./nodes.ts";

Deno.test({
  name: "nodes and their database are killed under load, and nothing is lost",
  ignore: !hasPostgres(),
  fn: async () => {
    const report = await crashNodes({ seed: 7, seconds: 25 });
    const { kills, restarts, acknowledged, duplicates, mostInLane, ...found } = report;
    assert.ok(kills > 0 && restarts > 0 && acknowledged > 20, JSON.stringify(report));
    assert.ok(
      mostInLane <= LANE_LIMIT,
      `${mostInLane} ran in a lane with a limit of ${LANE_LIMIT}`,
    );
    assert.ok(duplicates <= 3 * 32 * (kills + restarts), `${duplicates} duplicates`);
    assert.deepEqual(found, {
      suspensions: 0,
      died: [],
      lost: [],
      failed: [],
      notMade: [],
      unmarked: [],
      keysAtOnce: 0,
      countsAreRows: true,
    });
  },
});
