import assert from "node:assert/strict";

import { sleep, systemClock } from "../../src/lib/clock.ts";
import { FakeClock, settled } from "../support/fake_clock.ts";

Deno.test("sleep() resolves when its time has come, and not before", async () => {
  const clock = new FakeClock();
  let awake = false;
  const slept = sleep(clock, 1_000).then(() => awake = true);
  await clock.advance(999);
  assert.equal(awake, false);
  await clock.advance(1);
  await slept;
  assert.equal(clock.waiting, 0);
});

Deno.test("sleep() rejects with the signal's reason as soon as it aborts, and frees its timer", async () => {
  const clock = new FakeClock();
  const stop = new AbortController();
  const slept = assert.rejects(sleep(clock, 1_000, stop.signal), (reason) => reason === "shutdown");
  stop.abort("shutdown");
  await slept;
  assert.equal(clock.waiting, 0);
});

Deno.test("sleep() with a signal that has aborted rejects without waiting", async () => {
  const clock = new FakeClock();
  await assert.rejects(
    sleep(clock, 1_000, AbortSignal.abort("gone")),
    (reason) => reason === "gone",
  );
  assert.equal(clock.waiting, 0);
});

Deno.test("sleep() leaves no listener behind on a signal that outlives it", async () => {
  const clock = new FakeClock();
  const signal = new AbortController().signal;
  let listeners = 0;
  const { addEventListener, removeEventListener } = signal;
  signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
    listeners++;
    addEventListener.apply(signal, args);
  };
  signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
    listeners--;
    removeEventListener.apply(signal, args);
  };
  const slept = sleep(clock, 10, signal);
  assert.equal(listeners, 1);
  await clock.advance(10);
  await slept;
  assert.equal(listeners, 0);
});

Deno.test("after() of the machine's clock wakes once, in the order of the delays", async () => {
  const woken: number[] = [];
  await new Promise<void>((resolve) => {
    systemClock.after(20, () => (woken.push(20), resolve()));
    systemClock.after(1, () => woken.push(1));
  });
  assert.deepEqual(woken, [1, 20]);
});

Deno.test("after() wakes in order whatever the order of asking, and what is undone not at all", async () => {
  /** Between which moments each was due, in the order of waking. */
  const woken: { earliest: number; latest: number }[] = [];
  const delays = Array.from({ length: 300 }, (_, n) => n * 7 % 31);
  const undone: (() => void)[] = [];
  const waits = delays.map((delay, n) => {
    if (n % 3 > 0) {
      undone.push(systemClock.after(delay, () => assert.fail("It was undone")));
      return undefined;
    }
    const earliest = systemClock.monotonic() + delay;
    return new Promise<void>((resolve) => {
      const due = { earliest, latest: 0 };
      systemClock.after(delay, () => (woken.push(due), resolve()));
      due.latest = systemClock.monotonic() + delay;
    });
  });
  for (const undo of undone) undo();
  await Promise.all(waits);
  assert.equal(woken.length, 100);
  let last = 0;
  for (const { earliest, latest } of woken) {
    assert.ok(latest >= last, "woken after one that was due later");
    last = Math.max(last, earliest);
  }
});

Deno.test("after() never wakes early", async () => {
  for (const delay of [0, 0.2, 1, 1.5, 3.7]) {
    const askedAt = systemClock.monotonic();
    await sleep(systemClock, delay);
    assert.ok(systemClock.monotonic() - askedAt >= delay);
  }
});

Deno.test("who is woken may undo another who is due, and ask to be woken again", async () => {
  let again = 0;
  await new Promise<void>((resolve) => {
    systemClock.after(1, () => {
      undo();
      systemClock.after(0, () => (again++, resolve()));
    });
    const undo = systemClock.after(1, () => assert.fail("It was undone"));
  });
  assert.equal(again, 1);
});

Deno.test("after() undone never wakes", async () => {
  let woken = 0;
  systemClock.after(1, () => woken++)();
  await sleep(systemClock, 5);
  assert.equal(woken, 0);
});

Deno.test("after() of longer than 32 bits of milliseconds waits, and does not wake at once", async () => {
  let woken = 0;
  const undo = systemClock.after(2 ** 31 + 5, () => woken++);
  await sleep(systemClock, 5);
  await settled();
  undo();
  assert.equal(woken, 0);
});

Deno.test("monotonic() never goes back", () => {
  let last = systemClock.monotonic();
  for (let reading = 0; reading < 1_000; reading++) {
    const next = systemClock.monotonic();
    assert.ok(next >= last);
    last = next;
  }
});

Deno.test("now() is the date in milliseconds since 1970", () => {
  const before = Date.now();
  const now = systemClock.now();
  assert.ok(before <= now && now <= Date.now());
});
