import assert from "node:assert/strict";
import type { TaskResponse, TaskSummaryResponse } from "../../src/client.ts";
import { batchLine, plain, statusLines, taskLines, taskTable } from "../../src/cli/words.ts";

const AT = Date.UTC(2026, 0, 1);
const COUNTS = { queued: 1, running: 0, succeeded: 2, failed: 0, cancelled: 0, expired: 0 };

function aTask(fields: Partial<TaskResponse> = {}): TaskResponse {
  return {
    id: "tsk_1",
    type: "fetch",
    state: "queued",
    attempt: 0,
    createdAt: new Date(AT).toISOString(),
    priority: 5,
    source: "api",
    attempts: [],
    ...fields,
  };
}

Deno.test("taskTable() aligns its columns and cuts lines to the width of the screen", () => {
  const error = { code: "http_503", detail: "The server answered 503" };
  const tasks: TaskSummaryResponse[] = [
    aTask({ label: "GET http://a.test/" }),
    aTask({ state: "succeeded", attempt: 12, error }),
  ];
  assert.deepEqual(taskTable(tasks, AT + 125_000, 70), [
    "STATE      TYPE   ATTEMPT  ACCEPTED  ID     WHAT",
    "queued     fetch  0        2m        tsk_1  GET http://a.test/",
    "succeeded  fetch  12       2m        tsk_1  http_503: The server answe",
  ]);
});

Deno.test("foreign text does not control the terminal", () => {
  assert.equal(plain("a\x1b[31mb\x07\r\nc\u202ed"), "a [31mb   c d");
  const error = { code: "x", detail: "\x1b[2J" };
  assert.ok(taskTable([aTask({ error })], AT, 200).every((line) => !line.includes("\x1b")));
  const attempt = { number: 1, startedAt: "t", endedAt: "t", outcome: "rejected", error } as const;
  assert.ok(taskLines(aTask({ attempts: [attempt] })).every((line) => !line.includes("\x1b")));
});

Deno.test("a task, a batch and the service are formatted as lines", () => {
  assert.deepEqual(
    taskLines(aTask({ state: "cancelled", reason: "request", delivery: "not_delivered" })),
    [
      "tsk_1  fetch  cancelled (request) not_delivered",
    ],
  );
  assert.equal(
    batchLine({ id: "bat_1", total: 3, counts: COUNTS, done: false }),
    "bat_1  in progress  3 tasks: 1 queued, 2 succeeded",
  );
  assert.deepEqual(
    statusLines({
      version: "1.2.3",
      uptime: 7_300,
      engine: "sqlite",
      durable: true,
      accepting: true,
      running: 1,
      concurrency: 8,
      counts: COUNTS,
      queued: { due: 1, scheduled: 0, retrying: 0, paused: 0, oldestDueSeconds: 2 },
      rates: { accepted: 0.5, settled: 0.25 },
    }),
    [
      "Postrider 1.2.3, up 2h, sqlite, accepting",
      "tasks     1 queued, 2 succeeded",
      "attempts  1 of at most 8",
      "rates     0.5/s accepted, 0.25/s finished",
    ],
  );
});
