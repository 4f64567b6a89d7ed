import assert from "node:assert/strict";

import type { Attempt, DeliverContext, Progress } from "../../src/channels/channel.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { silentLog } from "../../src/lib/log.ts";
import type { Json } from "../../src/task/task.ts";
import { openThreadPool } from "../../src/worker/thread_pool.ts";

Deno.test("a pool delivers through a thread and brings the outcome back", async () => {
  await using pool = await setup();
  const outcome = await pool.deliver("echo", anAttempt({ payload: "hello" }), aContext());
  assert.deepEqual(outcome, { kind: "delivered", result: "hello" });
});

Deno.test("a pool spreads attempts over its threads", async () => {
  await using pool = await setup({ threads: 2 });
  const { abort, context } = anAbortable();
  const attempts = [1, 2, 3, 4].map(() => pool.deliver("obedient", anAttempt(), context));
  assert.deepEqual(pool.status().map((thread) => thread.attempts), [2, 2]);
  abort("cancelled");
  await Promise.all(attempts);
});

Deno.test("an abort crosses to the thread with its cause", async () => {
  await using pool = await setup();
  const { abort, context } = anAbortable();
  const outcome = pool.deliver("obedient", anAttempt(), context);
  abort("timeout");
  assert.deepEqual(await outcome, {
    kind: "deferred",
    error: { code: "aborted", detail: "timeout" },
  });
});

Deno.test("an attempt that was aborted before it was sent is aborted all the same", async () => {
  await using pool = await setup();
  const { abort, context } = anAbortable();
  abort("cancelled");
  const outcome = await pool.deliver("obedient", anAttempt(), context);
  assert.equal(outcome.kind, "deferred");
});

Deno.test("a pool knows the grace of its channels", async () => {
  await using pool = await setup();
  assert.equal(pool.graceMs("patient"), 60_000);
  assert.equal(pool.graceMs("echo"), 0);
});

Deno.test("a channel that throws defers its attempt and harms no other", async () => {
  await using pool = await setup();
  const broken = await pool.deliver("throw", anAttempt(), aContext());
  assert.equal(broken.kind === "deferred" && broken.error.code, "internal");
  assert.equal((await pool.deliver("echo", anAttempt(), aContext())).kind, "delivered");
});

Deno.test("a thread that burns its CPU is given up, and another takes over", async () => {
  await using pool = await setup({ silenceMs: 300 });
  const sending = Promise.withResolvers<void>();
  const noteStage = ({ stage }: Progress) => {
    if (stage) sending.resolve();
  };
  const sent = pool.deliver("sent_and_hang", anAttempt(), aContext({ progress: noteStage }));
  const waiting = pool.deliver("hang", anAttempt(), aContext());
  await sending.promise;
  const burning = pool.deliver("burn", anAttempt(), aContext());

  const outcomes = await Promise.all([sent, waiting, burning]);
  assert.deepEqual(outcomes.map(({ kind }) => kind), ["unknown", "deferred", "deferred"]);
  assert.match(pool.lost[0]?.reason ?? "", /not answered for 300 ms/);
  assert.deepEqual(pool.status().map(({ number }) => number), [2]);

  const after = await pool.deliver("echo", anAttempt(), aContext());
  assert.equal(after.kind, "delivered");
});

Deno.test("a thread that dies is replaced at once", async () => {
  await using pool = await setup();
  const outcome = await pool.deliver("die", anAttempt(), aContext());
  assert.equal(outcome.kind === "deferred" && outcome.error.code, "thread_lost");
  assert.match(pool.lost[0]?.reason ?? "", /dead/);
  assert.equal((await pool.deliver("echo", anAttempt(), aContext())).kind, "delivered");
});

Deno.test("closing a pool settles what is in hand", async () => {
  const pool = await setup();
  const hanging = pool.deliver("hang", anAttempt(), aContext());
  await pool[Symbol.asyncDispose]();
  assert.equal((await hanging).kind, "deferred");
});

Deno.test("a pool whose channels cannot be opened says why", async () => {
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
    entry: new URL("../../src/channels/thread.ts", import.meta.url),
    table: new URL("../support/rough_channels.ts", import.meta.url),
    settings,
    threads,
    silenceMs,
    clock: systemClock,
    log: silentLog,
  });
}

function anAttempt({ payload = "{}" } = {}): Attempt {
  return { taskId: "tsk_1", number: 1, createdAt: 0, deadlineAt: 0, payload };
}

function aContext(
  { progress = () => {} }: Partial<Pick<DeliverContext, "progress">> = {},
): DeliverContext {
  return { signal: new AbortController().signal, progress };
}

function anAbortable() {
  const controller = new AbortController();
  return {
    abort: (cause: string) => controller.abort(cause),
    context: { signal: controller.signal, progress: () => {} },
  };
}
