import assert from "node:assert/strict";
import { needs } from "../../support/needs.ts";
import { aFolder } from "../../support/process.ts";
import { runs } from "../../support/runs.ts";
import { runFuzz, type Way } from "../support/fuzz.ts";

const ways: { way: Way; count: number; options: { ignore: boolean } }[] = [
  { way: "direct", count: runs(1_000, 3_000), options: { ignore: false } },
  { way: "nginx", count: runs(200, 1_000), options: needs("nginx") },
  { way: "haproxy", count: runs(200, 1_000), options: needs("haproxy") },
];

for (const { way, count, options } of ways) {
  Deno.test(
    `${count} generated responses (${way}) are read as undici reads them, but for known differences`,
    // undici's timers outlive its agent.
    { ...options, sanitizeOps: false, sanitizeResources: false },
    async () => {
      await using folder = await aFolder();
      const { unexplained, mixedUp } = await runFuzz({ count, seed: 5, way, folder: folder.path });
      assert.deepEqual(unexplained, []);
      assert.deepEqual(mixedUp, []);
    },
  );
}
