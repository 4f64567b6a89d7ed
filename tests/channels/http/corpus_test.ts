import assert from "node:assert/strict";
import { needs } from "../../support/needs.ts";
import { aFolder } from "../../support/process.ts";
import { runs } from "../../support/runs.ts";
import { runCorpus } from "../support/corpus.ts";

/** A share of the 10,000 that `corpus.ts` runs by hand. */
const TASKS = runs(150, 600);

Deno.test(
  "no task succeeds with other bytes than the server's, for generated responses",
  needs("openssl"),
  async () => {
    await using downloads = await aFolder();
    const seed = Math.floor(Math.random() * 1_000_000);
    const { counts, wrong } = await runCorpus(TASKS, seed, downloads.path);
    assert.deepEqual(wrong, [], `seed ${seed}`);
    for (const way of ["http", "http, proxy", "https", "h2", "h2, proxy"]) {
      const delivered = counts[`${way}: delivered`] ?? 0;
      assert.ok(delivered > TASKS / 30, `${way}: ${JSON.stringify(counts)}`);
    }
    const resumed = Object.keys(counts).filter((kind) => kind.endsWith("resumed"));
    assert.ok(resumed.length > 0, JSON.stringify(counts));
  },
);
