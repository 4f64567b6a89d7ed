import assert from "node:assert/strict";
import { linesOf, readGathering } from "../../src/cli/gathering.ts";
import type { TaskResponse } from "../../src/client.ts";

Deno.test("what stands behind the command becomes a batch", () => {
  const args = ["http://a/", "--save", "--preview", "3", "http://b/", "--words", "--retry", "2"];
  assert.deepEqual(readGathering([...args, "--concurrency", "4", "--timeout", "1h"]), {
    urls: ["http://a/", "http://b/"],
    save: true,
    extract: { lines: 3, words: true },
    concurrency: 4,
    timeout: "1h",
    retry: 2,
  });
  assert.throws(() => readGathering(["--save"]), /at least one URL/);
  assert.throws(() => readGathering(["http://a/", "--other"]), TypeError);
});

Deno.test("a task that succeeded is told with what was picked out, another with its error", () => {
  const task = {
    state: "succeeded",
    payload: { url: "http://a/" },
    result: {
      status: 200,
      bytes: 2_048,
      timings: { total: 120 },
      saved: { path: "tsk_1/a.txt" },
      extracted: { lines: ["one", "tw\x07o"], words: 7 },
    },
  } as unknown as TaskResponse;
  assert.deepEqual(linesOf(task, "./data"), [
    "200    2.0 KiB   0.12 s  http://a/  7 words  -> ./data/tsk_1/a.txt",
    "    one",
    "    tw o",
  ]);
  const failed = { ...task, state: "failed", error: { code: "http_404", detail: "No" } };
  assert.deepEqual(linesOf(failed as TaskResponse), ["failed  http://a/  http_404: No"]);
});
