import assert from "node:assert/strict";
import { waitingFor } from "../../src/http/waiting_for.ts";
import type { LaneStatus } from "../../src/queue/engine.ts";
import type { TaskSummary } from "../../src/task/task.ts";
import { Api } from "../support/api.ts";

const NOW = Date.UTC(2026, 0, 1);
const FREE: LaneStatus = { lane: "https://a.org:443", running: 0, limit: 64 };

const waits: {
  task: Partial<TaskSummary>;
  lane?: Partial<LaneStatus>;
  says: RegExp | undefined;
}[] = [
  { task: { state: "running" }, says: undefined },
  { task: { state: "succeeded" }, says: undefined },
  { task: { dueAt: NOW + 1_000 }, says: /^its time, 2026-01-01T00:00:01/ },
  { task: { dueAt: NOW + 1_000, attempt: 2 }, says: /^its next attempt, / },
  { task: { behind: "key", key: "k" }, says: /^others of its key "k"/ },
  { task: { behind: "batch" }, says: /^others of its batch/ },
  {
    task: {},
    lane: { heldUntil: NOW + 2_000, reason: "429" },
    says: /^https:\/\/a\.org:443, which is held until 2026-01-01T00:00:02\.000Z: 429$/,
  },
  { task: { dueAt: NOW + 9_000 }, lane: { heldUntil: NOW + 2_000 }, says: /^its time/ },
  { task: {}, lane: { running: 64 }, says: /^a place at https:\/\/a\.org:443: 64 run/ },
  { task: {}, says: undefined },
];

Deno.test.each(waits)("$task with $lane waits for $says", ({ task, lane = {}, says }) => {
  const whole = { state: "queued", dueAt: NOW, attempt: 0, ...task } as TaskSummary;
  const said = waitingFor(whole, { ...FREE, ...lane }, NOW);
  if (says === undefined) assert.equal(said, undefined);
  else assert.match(said ?? "", says);
});

Deno.test("a waiting task says so, and one that runs does not", async () => {
  await using api = await Api.open();
  const first = await api.accept({ key: "k" });
  const second = await api.accept({ key: "k" });
  await api.claim();
  assert.equal((await api.get(`/tasks/${first}`)).body.waitingFor, undefined);
  const { body } = await api.get(`/tasks/${second}`);
  assert.equal(body.waitingFor, `others of its key "k", which go first`);
});
