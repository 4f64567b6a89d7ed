import assert from "node:assert/strict";
import { openTokenBuckets } from "../../src/lib/token_bucket.ts";
import type { Rate } from "../../src/lib/rate_text.ts";
import { FakeClock } from "../support/fake_clock.ts";

function openWaits(clock: FakeClock): (name: string, rate: Rate) => number {
  const take = openTokenBuckets(clock);
  return (name, rate) => take(name, rate).waitMs;
}

Deno.test("a bucket empties at once, fills evenly, and is its own", async () => {
  const clock = new FakeClock();
  const take = openWaits(clock);
  const rate = { count: 2, windowMs: 10_000 };
  assert.deepEqual([take("a", rate), take("a", rate), take("a", rate)], [0, 0, 5_000]);
  assert.equal(take("b", rate), 0);
  await clock.advance(4_999);
  assert.equal(take("a", rate), 1);
  await clock.advance(1);
  assert.equal(take("a", rate), 0);
  await clock.advance(3_600_000);
  assert.deepEqual([take("a", rate), take("a", rate), take("a", rate)], [0, 0, 5_000]);
});

Deno.test("a rate that has changed applies from the next call on", () => {
  const take = openWaits(new FakeClock());
  assert.equal(take("a", { count: 10, windowMs: 1_000 }), 0);
  const slow = { count: 1, windowMs: 1_000 };
  assert.deepEqual([take("a", slow), take("a", slow)], [0, 1_000]);
});
