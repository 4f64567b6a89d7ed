import assert from "node:assert/strict";
import { openHistory } from "../../../src/http/stats/history.ts";
import { FakeClock } from "../../support/fake_clock.ts";

Deno.test("a history has tasks per second in steps of five seconds", async () => {
  const clock = new FakeClock();
  const history = openHistory(clock);
  history.accepted(10);
  await clock.advance(5_000);
  history.finished("succeeded");
  history.finished("failed");
  history.finished("expired");
  history.finished("cancelled");
  await clock.advance(5_000);
  const { at, ...series } = history.series();
  assert.deepEqual(series, { accepted: [2, 0, 0], succeeded: [0, 0.2, 0], failed: [0, 0.2, 0] });
  assert.deepEqual(at.map((second) => second - (at[0] ?? 0)), [0, 5, 10]);
});

Deno.test("a history drops what is older than an hour", async () => {
  const clock = new FakeClock();
  const history = openHistory(clock);
  history.accepted(5);
  await clock.advance(3_595_000);
  assert.equal(history.series().accepted.length, 720);
  assert.equal(history.series().accepted[0], 1);
  await clock.advance(5_000);
  assert.equal(history.series().accepted.length, 720);
  assert.deepEqual([...new Set(history.series().accepted)], [0]);
  await clock.advance(100 * 3_600_000);
  assert.deepEqual([...new Set(history.series().accepted)], [0]);
});
