import assert from "node:assert/strict";
import { linesOf, readFetchCommand } from "../../src/cli/fetch_batch.ts";
import type { TaskResponse } from "../../src/client.ts";

Deno.test("the arguments of fetch become a batch", () => {
  const args = ["http://a/", "--save", "--preview", "3", "http://b/", "--words", "--retry", "2"];
  assert.deepEqual(readFetchCommand([...args, "--concurrency", "4", "--timeout", "1h"]), {
    request: {
      urls: ["http://a/", "http://b/"],
      save: true,
      extract: { lines: 3, words: true },
      concurrency: 4,
      timeout: "1h",
      retry: 2,
    },
  });
  assert.deepEqual(readFetchCommand(["http://a/", "--into", "pictures"]), {
    request: { urls: ["http://a/"], save: true },
    into: "pictures",
  });
  assert.throws(() => readFetchCommand(["--save"]), /at least one URL/);
  assert.throws(() => readFetchCommand(["http://a/", "--into", ""]), /name of a folder/);
  assert.throws(() => readFetchCommand(["http://a/", "--other"]), TypeError);
});

Deno.test("a task is printed with its result and its extracts, a failed one with its error", () => {
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
  assert.deepEqual(linesOf(task, "./data/tsk_1/a.txt"), [
    "200    2.0 KiB   0.12 s  http://a/  7 words  -> ./data/tsk_1/a.txt",
    "    one",
    "    tw o",
  ]);
  const failed = { ...task, state: "failed", error: { code: "http_404", detail: "No" } };
  assert.deepEqual(linesOf(failed as TaskResponse), ["failed  http://a/  http_404: No"]);
});
