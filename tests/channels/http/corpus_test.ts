import assert from "node:assert/strict";
import { aFolder } from "../../support/process.ts";
import { runs } from "../../support/runs.ts";
import { runCorpus } from "../support/corpus.ts";

/** A share of the 10,000 that `corpus.ts` runs by hand. */
const TASKS = runs(150, 600);

Deno.test("no task succeeds with other bytes than the server's, for generated responses", async () => {
  await using downloads = await aFolder();
  const seed = Math.floor(Math.random() * 1_000_000);
  const { counts, wrong } = await runCorpus(TASKS, seed, downloads.path);
  assert.deepEqual(wrong, [], `seed ${seed}`);
  assert.ok((counts.delivered ?? 0) > TASKS / 5, JSON.stringify(counts));
  assert.ok((counts["delivered, resumed"] ?? 0) > 0, JSON.stringify(counts));
});
