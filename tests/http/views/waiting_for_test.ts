import assert from "node:assert/strict";
import { waitingFor } from "../../../src/http/views/waiting_for.ts";
import type { LaneStatus } from "../../../src/queue/engine.ts";
import type { TaskSummary } from "../../../src/task/task.ts";
import { Api } from "../../support/api.ts";

const NOW = Date.UTC(2026, 0, 1);
const FREE: LaneStatus = { lane: "https://a.org:443", running: 0, limit: 64 };

const waits: {
  task: Partial<TaskSummary>;
  lane?: Partial<LaneStatus>;
  running?: number;
  says: RegExp | undefined;
}[] = [
  { task: { state: "running" }, says: undefined },
  { task: { state: "succeeded" }, says: undefined },
  { task: { dueAt: NOW + 1_000 }, says: /^its time, 2026-01-01T00:00:01/ },
  { task: { dueAt: NOW + 1_000, attempt: 2 }, says: /^its next attempt, / },
  { task: { behind: "key", key: "k" }, says: /^earlier tasks of its key "k"$/ },
  { task: { behind: "batch" }, says: /^other tasks of its batch/ },
  {
    task: {},
    lane: { heldUntil: NOW + 2_000, reason: "429" },
    says: /^https:\/\/a\.org:443, which is held until 2026-01-01T00:00:02\.000Z: 429$/,
  },
  { task: { dueAt: NOW + 9_000 }, lane: { heldUntil: NOW + 2_000 }, says: /^its time/ },
  {
    task: {},
    lane: { running: 64 },
    says: /^the concurrency limit of https:\/\/a\.org:443: 64 of 64 running$/,
  },
  { task: {}, running: 7, says: undefined },
  { task: {}, running: 8, says: /^POSTRIDER_CONCURRENCY: 8 of 8 attempts running$/ },
  { task: {}, lane: { running: 64 }, running: 8, says: /^the concurrency limit of / },
  { task: { behind: "key", key: "k" }, running: 8, says: /^earlier tasks of its key/ },
  { task: { dueAt: NOW + 1_000 }, running: 8, says: /^its time/ },
  { task: { state: "running" }, running: 8, says: undefined },
];

Deno.test.each(waits)("$task with $lane and $running running attempts waits for $says", (row) => {
  const { task, lane = {}, running = 0, says } = row;
  const whole = { state: "queued", dueAt: NOW, attempt: 0, ...task } as TaskSummary;
  const worker = { running, concurrency: 8 };
  const said = waitingFor(whole, { lane: { ...FREE, ...lane }, pauses: [], worker }, NOW);
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
  assert.equal(body.waitingFor, `earlier tasks of its key "k"`);
});

Deno.test("a task that is due while the worker is busy waits for the limit of POSTRIDER_CONCURRENCY", async () => {
  let running = 2;
  const worker = () => ({ running, concurrency: 2, threads: [], lost: [] });
  await using api = await Api.open({ ports: { worker } });
  const path = `/tasks/${await api.accept()}`;
  const said = async () => (await api.get(path)).body.waitingFor;
  assert.equal(await said(), "POSTRIDER_CONCURRENCY: 2 of 2 attempts running");
  assert.match((await api.get(`/ui${path}`)).body, /Waits for POSTRIDER_CONCURRENCY/);
  running = 1;
  assert.equal(await said(), undefined);
});
