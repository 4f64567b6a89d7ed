import assert from "node:assert/strict";
import { sampleBacklog } from "../../../src/http/stats/backlog.ts";
import { dueIn, endedAs, type History, openHistory } from "../../../src/http/stats/history.ts";
import { openMemoryEngine } from "../../../src/queue/memory/engine.ts";
import { countAt, quantilesOf, type Tally, tallyAt } from "../../../src/task/history.ts";
import type { Cluster } from "../../../src/queue/cluster.ts";
import { FakeClock } from "../../support/fake_clock.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const HOST = "https://example.org:443";

function setup() {
  const clock = new FakeClock();
  const engine = openMemoryEngine({ clock });
  const calls = { writes: 0, fails: false };
  const counted = {
    history: engine.history,
    writeHistory(parts: Parameters<typeof engine.writeHistory>[0]) {
      calls.writes++;
      return calls.fails ? Promise.reject(new Error("away")) : engine.writeHistory(parts);
    },
  };
  const open = (run: string): History => openHistory({ engine: counted, clock, run });
  return { clock, engine, calls, open };
}

const failedOnce = (lane: string) => ({
  lane,
  outcome: "rejected",
  ms: 10,
  failure: { reason: "rejected", code: "http_404" },
});

Deno.test("a history shows the minutes of the last hour, the present one included", async () => {
  const { clock, open } = setup();
  const history = open("a");
  history.finished("fetch", "succeeded", 10);
  await clock.advance(2 * MINUTE);
  history.finished("fetch", "failed", 1_000);
  history.finished("notify", "failed", 1_000);
  const { steps, stepMs, from, total } = await history.read(clock.now() - HOUR);
  assert.equal(stepMs, MINUTE);
  assert.equal(from, clock.now() - HOUR);
  const ended = (tally: Tally) => [endedAs(tally, "succeeded"), endedAs(tally, "failed")];
  assert.deepEqual(steps.slice(-3).map(ended), [[1, 0], [0, 0], [0, 2]]);
  assert.deepEqual(ended(total), [1, 2]);
  await history.close();
});

Deno.test("a history is kept over a restart, and sums the counts of several nodes", async () => {
  const { clock, open } = setup();
  const [one, two] = [open("a"), open("b")];
  one.attempted(failedOnce(HOST));
  two.attempted(failedOnce(HOST));
  two.delivered("builds", "rejected");
  await one.close();
  await two.close();
  const again = open("c");
  again.attempted({ lane: HOST, outcome: "delivered", ms: 10 });
  for (const ms of [HOUR, 24 * HOUR, 7 * 24 * HOUR]) {
    const { total } = await again.read(clock.now() - ms);
    assert.equal(countAt(total, "hosts", HOST, "attempts"), 3);
    assert.equal(countAt(total, "hosts", HOST, "failed"), 2);
    assert.equal(countAt(total, "hosts", HOST, "reasons", "rejected http_404"), 2);
    assert.equal(countAt(total, "hooks", "builds", "rejected"), 1);
  }
  await again.close();
});

Deno.test("a history is stored once a minute, and not at all while nothing happens", async () => {
  const { clock, calls, open } = setup();
  const history = open("a");
  await clock.advance(10 * MINUTE);
  assert.equal(clock.waiting, 0);
  for (let n = 0; n < 100; n++) history.finished("fetch", "succeeded", 10);
  await clock.advance(MINUTE);
  assert.equal(calls.writes, 1);
  await clock.advance(10 * MINUTE);
  assert.equal(calls.writes, 1);
  assert.equal(clock.waiting, 0);
  assert.equal(endedAs((await history.read(clock.now() - HOUR)).total, "succeeded"), 100);
  await history.close();
});

Deno.test("what the queue could not store is shown, and stored later, each once", async () => {
  const { clock, calls, open } = setup();
  const history = open("a");
  calls.fails = true;
  history.finished("fetch", "succeeded", 10);
  await clock.advance(3 * MINUTE);
  history.finished("fetch", "succeeded", 10);
  const shown = async () =>
    endedAs((await history.read(clock.now() - 24 * HOUR)).total, "succeeded");
  assert.equal(await shown(), 2);
  calls.fails = false;
  await clock.advance(2 * MINUTE);
  assert.equal(await shown(), 2);
  await history.close();
  assert.equal(
    endedAs((await open("b").read(clock.now() - 24 * HOUR)).total, "succeeded"),
    2,
  );
});

Deno.test("counts made after the clock was set back replace none", async () => {
  const { clock, open } = setup();
  const history = open("a");
  history.finished("fetch", "succeeded", 10);
  await clock.advance(2 * MINUTE);
  clock.jump(-2 * MINUTE);
  history.finished("fetch", "succeeded", 10);
  await clock.advance(5 * MINUTE);
  const { total } = await history.read(clock.now() - HOUR);
  assert.equal(endedAs(total, "succeeded"), 2);
  await history.close();
});

Deno.test("of many hosts the busiest and those that fail most keep their names", async () => {
  const { clock, open } = setup();
  const history = open("a");
  for (let n = 0; n < 1_000; n++) {
    history.attempted({ lane: `https://h${n}:443`, outcome: "delivered", ms: 1 });
  }
  history.attempted(failedOnce("https://h7:443"));
  await history.close();
  const { total } = await open("b").read(clock.now() - HOUR);
  const hosts = tallyAt(total, "hosts");
  assert.ok(Object.keys(hosts).length <= 61);
  assert.equal(countAt(hosts, "https://h7:443", "failed"), 1);
  const all = Object.values(hosts).reduce<number>(
    (sum, host) => sum + countAt(host as Tally, "attempts"),
    0,
  );
  assert.equal(all, 1_001);
});

Deno.test("quantiles of a history are at most a tenth off", async () => {
  const { clock, open } = setup();
  const history = open("a");
  for (let ms = 1; ms <= 1_000; ms++) history.finished("fetch", "succeeded", ms);
  const { total } = await history.read(clock.now() - HOUR);
  const { p50 = 0, p95 = 0, p99 = 0 } = quantilesOf(tallyAt(total, "types", "fetch", "ms"));
  for (const [found, expected] of [[p50, 500], [p95, 950], [p99, 990]] as const) {
    assert.ok(Math.abs(found - expected) <= expected / 10, `${found} for ${expected}`);
  }
  assert.deepEqual(quantilesOf(tallyAt(total, "nothing")), {});
  await history.close();
});

Deno.test("a history counts the due tasks once a minute, and nothing while none are", async () => {
  const { clock, calls, open } = setup();
  const history = open("a");
  let due = 0;
  const engine = { queued: () => Promise.resolve({ due, scheduled: 0, retrying: 0, paused: 0 }) };
  const end = sampleBacklog({ engine, clock, history });
  await clock.advance(10 * MINUTE);
  assert.equal(calls.writes, 0);
  for (due of [400, 300, 0]) await clock.advance(MINUTE);
  end();
  assert.equal(clock.waiting, 0);
  await history.close();
  const { steps } = await open("b").read(clock.now() - HOUR);
  assert.deepEqual(steps.slice(-4).map(dueIn), [0, 400, 300, 0]);
  // Each of several nodes counts, and of a longer step it is the mean.
  const { total } = await open("b").read(clock.now() - 24 * HOUR);
  assert.equal(dueIn(total), 350);
});

Deno.test("the attempts of nodes that share a queue are counted for each", async () => {
  const clock = new FakeClock();
  const memory = openMemoryEngine({ clock });
  const engine = {
    history: memory.history.bind(memory),
    writeHistory: memory.writeHistory.bind(memory),
    cluster: {} as Cluster,
  };
  const [one, two] = ["a 1 7", "b 1 7"].map((run) => openHistory({ engine, clock, run }));
  one?.attempted(failedOnce(HOST));
  one?.attempted({ lane: "mail:b.test:25", outcome: "delivered", ms: 10 });
  two?.attempted({ lane: HOST, outcome: "delivered", ms: 5_000 });
  await one?.close();
  const { total } = await two!.read(clock.now() - HOUR);
  assert.deepEqual(
    ["a", "b"].map((node) => {
      const counts = tallyAt(total, "nodes", node);
      return [countAt(counts, "attempts"), countAt(counts, "delivered")];
    }),
    [[2, 1], [1, 1]],
  );
  assert.ok((quantilesOf(tallyAt(total, "nodes", "b", "ms")).p95 ?? 0) > 4_000);
  await two?.close();
});
