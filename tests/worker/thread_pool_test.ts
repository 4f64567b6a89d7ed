import assert from "node:assert/strict";

import type { Attempt } from "../../src/channels/channel.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { silentLog } from "../support/silent_log.ts";
import type { Json } from "../../src/task/task.ts";
import { openThreadPool, type ThreadPool } from "../../src/worker/thread_pool.ts";

Deno.test("A pool delivers through a thread and returns the outcome", async () => {
  await using pool = await setup();
  const outcome = await deliver(pool, "echo", "hello");
  assert.deepEqual(outcome, { kind: "delivered", result: "hello" });
});

Deno.test("A pool spreads attempts over its threads", async () => {
  await using pool = await setup({ threads: 2 });
  const attempts = [1, 2, 3, 4].map(() => pool.begin("obedient", anAttempt(), ignore));
  assert.deepEqual(pool.status().map((thread) => thread.attempts), [2, 2]);
  for (const { abort } of attempts) abort("cancelled");
  await Promise.all(attempts.map(({ outcome }) => outcome));
});

Deno.test("A pool keeps a channel of one thread on one thread", async () => {
  await using pool = await setup({ threads: 2 });
  for (let i = 0; i < 4; i++) pool.begin("patient", anAttempt(), ignore);
  assert.deepEqual(pool.status().map((thread) => thread.attempts), [4, 0]);
});

Deno.test("An abort reaches the channel with its cause", async () => {
  await using pool = await setup();
  const { outcome, abort } = pool.begin("obedient", anAttempt(), ignore);
  abort("timeout");
  assert.deepEqual(await outcome, {
    kind: "deferred",
    error: { code: "aborted", detail: "timeout" },
  });
});

Deno.test("A late abort does not affect another attempt with the same ref", async () => {
  await using pool = await setup();
  const first = pool.begin("echo", anAttempt(), ignore);
  await first.outcome;
  const second = pool.begin("obedient", anAttempt(), ignore);
  first.abort("cancelled");
  second.abort("timeout");
  const outcome = await second.outcome;
  assert.equal(outcome.kind === "deferred" && outcome.error.detail, "timeout");
});

Deno.test("A pool knows the grace of its channels", async () => {
  await using pool = await setup();
  assert.equal(pool.graceMs("patient"), 60_000);
  assert.equal(pool.graceMs("echo"), 0);
});

Deno.test("A channel that throws defers its attempt and affects no other", async () => {
  await using pool = await setup();
  const broken = await deliver(pool, "throw");
  assert.equal(broken.kind === "deferred" && broken.error.code, "internal");
  assert.equal((await deliver(pool, "echo")).kind, "delivered");
});

Deno.test("A thread that blocks its CPU is given up and replaced", async () => {
  await using pool = await setup({ silenceMs: 300 });
  const moving = Promise.withResolvers<unknown>();
  const sent = pool.begin("sent_and_hang", anAttempt(), moving.resolve);
  const waiting = pool.begin("hang", anAttempt(), ignore);
  assert.deepEqual(await moving.promise, { bytes: 1 });
  assert.deepEqual([sent.isSending(), waiting.isSending()], [true, false]);
  const burning = pool.begin("burn", anAttempt(), ignore);

  const [unknown, ...others] = await Promise.all(
    [sent, waiting, burning].map(({ outcome }) => outcome),
  );
  assert.equal(unknown?.kind, "unknown");
  for (const other of others) assert.ok(other.kind === "deferred" && other.untried);
  assert.match(pool.lost[0]?.reason ?? "", /not answered for 300 ms/);
  assert.deepEqual(pool.status().map(({ number }) => number), [2]);

  const after = await deliver(pool, "echo");
  assert.equal(after.kind, "delivered");
});

Deno.test("A thread that dies is replaced at once", async () => {
  await using pool = await setup();
  const outcome = await deliver(pool, "die");
  assert.equal(outcome.kind === "deferred" && outcome.error.code, "thread_lost");
  assert.match(pool.lost[0]?.reason ?? "", /dead/);
  assert.equal((await deliver(pool, "echo")).kind, "delivered");
});

Deno.test("A task that loses its thread three times has the third attempt counted", async () => {
  await using pool = await setup();
  const untried: unknown[] = [];
  for (let loss = 1; loss <= 3; loss++) {
    const outcome = await deliver(pool, "die");
    untried.push(outcome.kind === "deferred" && outcome.untried);
  }
  assert.deepEqual(untried, [true, true, undefined]);
});

Deno.test("Closing a pool settles its running attempts", async () => {
  const pool = await setup();
  const hanging = deliver(pool, "hang");
  await pool[Symbol.asyncDispose]();
  assert.equal((await hanging).kind, "deferred");
});

Deno.test("A pool whose channels cannot be opened reports the reason", async () => {
  await assert.rejects(setup({ settings: "fail", threads: 2 }), /told to fail/);
});

function setup(
  { threads = 1, silenceMs = 5_000, settings = null }: {
    threads?: number;
    silenceMs?: number;
    settings?: Json;
  } = {},
) {
  return openThreadPool({
    entry: new URL("../../src/channels/thread/thread.ts", import.meta.url),
    table: new URL("../support/rough_channels.ts", import.meta.url),
    settings,
    threads,
    silenceMs,
    clock: systemClock,
    log: silentLog,
  });
}

function deliver(pool: ThreadPool, channel: string, payload?: string) {
  return pool.begin(channel, anAttempt(payload), ignore).outcome;
}

function anAttempt(payload = "{}"): Attempt {
  return { taskId: "tsk_1", number: 1, createdAt: 0, deadlineAt: 0, payload };
}

function ignore() {}
