import assert from "node:assert/strict";
import fc from "fast-check";
import { RateLimiter } from "../../../src/queue/lanes/rate_limiter.ts";

Deno.test("a rested rate limiter allows a whole window, then one share at a time", () => {
  const pace = new RateLimiter({ count: 4, windowMs: 1_000 });
  assert.equal(pace.room(10_000), 4);
  pace.spend(4, 10_000);
  assert.equal(pace.room(10_000), 0);
  assert.equal(pace.opensAt, 10_250);
  assert.equal(pace.room(10_249), 0);
  assert.equal(pace.room(10_250), 1);
  assert.equal(pace.room(10_500), 2);
});

Deno.test("no window of a rate limiter ever allows twice its count, and it never stops for good", () => {
  const asks = fc.array(fc.integer({ min: 0, max: 500 }), { minLength: 1, maxLength: 200 });
  const rate = fc.record({
    count: fc.integer({ min: 1, max: 50 }),
    windowMs: fc.integer({ min: 1, max: 5_000 }),
  });
  fc.assert(fc.property(rate, asks, ({ count, windowMs }, waits) => {
    const pace = new RateLimiter({ count, windowMs });
    let now = 1_000_000;
    const begun: number[] = [];
    for (const wait of waits) {
      now = Math.max(now + wait, pace.opensAt);
      const room = pace.room(now);
      assert.ok(room >= 1 && room <= count);
      pace.spend(room, now);
      for (let n = 0; n < room; n++) begun.push(now);
    }
    for (const at of begun) {
      const within = begun.filter((other) => other >= at && other < at + windowMs).length;
      assert.ok(within <= 2 * count, `${within} of ${count}`);
    }
  }));
});
