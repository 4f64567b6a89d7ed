import assert from "node:assert/strict";
import { parseSchedules } from "../../src/schedules/schedule_settings.ts";
import { openTriggers } from "../../src/service/triggers.ts";
import { Api } from "../support/api.ts";

const FETCH = { url: "https://example.org/" };

function schedulesOf(section: Record<string, unknown>) {
  const parsed = parseSchedules(section);
  assert.ok(!parsed.issues, JSON.stringify(parsed.issues));
  return parsed.value;
}

async function setup() {
  const api = await Api.open();
  const { engine, ids, clock, log, metrics, acceptance } = api.parts;
  const triggers = openTriggers({
    engine,
    ids,
    clock,
    log,
    metrics,
    acceptance,
    hooks: () => new Map(),
  });
  await triggers.schedules.start();
  return {
    api,
    triggers,
    standing: () =>
      triggers.schedules.list().map(({ name, record }) => {
        const { source, nextAt, paused } = record;
        return { name, source, inMs: Number(nextAt) - clock.now(), paused };
      }),
    async [Symbol.asyncDispose]() {
      await triggers.schedules.stop();
      await api[Symbol.asyncDispose]();
    },
  };
}

Deno.test("the schedules of the file are added, changed and removed", async () => {
  await using world = await setup();
  const { triggers, standing } = world;
  await triggers.applySchedules(schedulesOf({
    a: { every: "1h", fetch: FETCH },
    b: { every: "1h", fetch: FETCH },
  }));
  await world.api.clock.advance(600_000);
  await triggers.schedules.change("b", (before) => before && { ...before, paused: true });
  await triggers.applySchedules(schedulesOf({
    a: { every: "1h", fetch: FETCH },
    b: { every: "2h", fetch: FETCH },
  }));
  assert.deepEqual(standing(), [
    { name: "a", source: "file", inMs: 3_000_000, paused: undefined },
    { name: "b", source: "file", inMs: 7_200_000, paused: true },
  ]);
  await triggers.applySchedules(schedulesOf({ b: { every: "2h", fetch: FETCH } }));
  assert.deepEqual(standing().map(({ name }) => name), ["b"]);
});

Deno.test("schedules of callers stay when the file does not name them", async () => {
  await using world = await setup();
  const spec = schedulesOf({ mine: { every: "1h", fetch: FETCH } }).get("mine")!;
  await world.triggers.schedules.change("mine", () => ({
    spec,
    source: "api",
    createdAt: 0,
    nextAt: world.api.clock.now() + 1,
    runs: 0,
    skipped: 0,
  }));
  await world.triggers.applySchedules(new Map());
  assert.deepEqual(world.standing().map(({ source }) => source), ["api"]);
});

Deno.test("an invalid section is refused with its position", () => {
  const pointers = parseSchedules({
    "a b": { every: "1h", fetch: FETCH },
    c: { cron: "often", fetch: FETCH },
    d: 1,
  }).issues?.map(({ pointer }) => pointer);
  assert.deepEqual(pointers, ["/a b", "/c/cron", "/d"]);
});
