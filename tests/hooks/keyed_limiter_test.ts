import assert from "node:assert/strict";
import { openLimiter } from "../../src/hooks/keyed_limiter.ts";
import { FakeClock } from "../support/fake_clock.ts";

Deno.test("each hook has its own bucket, which refills evenly", async () => {
  const clock = new FakeClock();
  const take = openLimiter(clock);
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

Deno.test("a changed rate applies from the next call on", () => {
  const take = openLimiter(new FakeClock());
  assert.equal(take("a", { count: 10, windowMs: 1_000 }), 0);
  const slow = { count: 1, windowMs: 1_000 };
  assert.deepEqual([take("a", slow), take("a", slow)], [0, 1_000]);
});
