/**
 * The whole way of many mails, from the queue to a relay that fails often: each
 * recipient gets exactly one copy, but for mails that are marked.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { AttemptRunner } from "../../src/channels/channel.ts";
import { openEmailChannel } from "../../src/channels/mail/email.ts";
import { parseMailUrl } from "../../src/channels/mail/mail_settings.ts";
import { type Clock, systemClock } from "../../src/lib/clock.ts";
import { openIds } from "../../src/lib/ids.ts";
import { silentLog } from "../support/silent_log.ts";
import type { QueueEngine } from "../../src/queue/engine.ts";
import { openMemoryEngine } from "../../src/queue/memory/engine.ts";
import type { NewTask } from "../../src/task/task.ts";
import { openWorker } from "../../src/worker/worker.ts";
import { anEmail } from "../channels/support/attempts.ts";
import { openRawRelay, type Script } from "../channels/support/raw_relay.ts";

const SPEED = 50;
/** `MAILS=20000` is the long form: a minute or two. */
const MAILS = Number(Deno.env.get("MAILS") ?? 2_000);

Deno.test("thousands of mails through a relay that fails at every third step: one copy each, or marked", async () => {
  const random = mulberry(20_261_130);
  const kept: number[] = [];
  const maybe = (share: number, ...faults: string[]) =>
    random() < share ? faults[Math.floor(random() * faults.length)] : undefined;
  const script = {
    get greeting() {
      return maybe(0.1, "421 4.7.0 busy", "drop") ?? "220 ready";
    },
    get mail() {
      return maybe(0.08, "451 4.3.0 later", "drop", "421 bye") ?? "250 ok";
    },
    get rcpt() {
      return maybe(0.08, "450 4.2.0 greylisted", "drop", "452 4.5.3 too many") ?? "250 ok";
    },
    get data() {
      return maybe(0.05, "451 4.3.0 later", "drop") ?? "354 go on";
    },
    get dot() {
      const fault = maybe(0.09, "451 4.3.0 later", "452 4.3.1 full", "drop", "421 bye");
      // A relay that hangs up after the dot may have kept the mail.
      if (fault === undefined || fault === "drop") kept.push(relay.taken.length - 1);
      return fault ?? "250 2.0.0 Ok: queued as ABC";
    },
  } as Script;
  await using relay = openRawRelay(script);
  await using world = openWorld(relay.port);
  const ids = await world.accept(MAILS, { retry: Array(30).fill(5_000) });
  await world.allFinal(ids);
  const copies = Map.groupBy(kept, (index) => relay.taken[index]?.to[0]);
  let marked = 0;
  for (const [i, id] of ids.entries()) {
    const task = await world.engine.find(id);
    const count = copies.get(`u${i}@example.org`)?.length ?? 0;
    assert.equal(task?.state, "succeeded", JSON.stringify(task?.error));
    assert.ok(count >= 1, `${id} was not delivered`);
    if (task?.possibleDuplicate) marked++;
    else assert.equal(count, 1, `${id} was delivered ${count} times without a mark`);
  }
  assert.ok(marked > 0 && marked < MAILS / 10, `${marked} mails are marked`);
});

Deno.test("A relay that refuses everybody for a while burns no attempt, and is served at once when it is back", async () => {
  const state = { isDown: true };
  const script = {
    get greeting() {
      return state.isDown ? "421 4.3.2 down" : "220 ready";
    },
  } as Script;
  await using relay = openRawRelay(script);
  await using world = openWorld(relay.port);
  const ids = await world.accept(500, { retry: [1_000] });
  while (relay.connections < 6) await pause();
  const whileDown = relay.connections;
  state.isDown = false;
  await world.allFinal(ids);
  const tasks = await Promise.all(ids.map((id) => world.engine.find(id)));
  assert.ok(tasks.every((task) => task?.state === "succeeded"));
  const second = tasks.filter((task) => (task?.attempts.length ?? 0) > 1);
  assert.equal(second.length, 1, "only the first refusal is listed");
  assert.equal(second[0]?.attempts[0]?.error?.code, "smtp_421");
  assert.ok(whileDown < 10, `${whileDown} probes`);
});

interface World extends AsyncDisposable {
  readonly engine: QueueEngine;
  accept(count: number, more: Partial<NewTask>): Promise<string[]>;
  allFinal(ids: readonly string[]): Promise<void>;
}

function openWorld(port: number): World {
  const clock = fastClock(SPEED);
  const engine = openMemoryEngine({ clock });
  const settings = parseMailUrl(`smtp://127.0.0.1:${port}?tls=none`);
  const channel = openEmailChannel(settings, { clock });
  const worker = openWorker({
    engine,
    runner: runnerOf(channel),
    clock,
    random: Math.random,
    log: silentLog,
    concurrency: 256,
    onFatal: (error) => {
      throw error;
    },
  });
  worker.start();
  const ids = openIds(() => clock.now(), (bytes) => crypto.getRandomValues(bytes));
  return {
    engine,
    async accept(count, more) {
      const now = clock.now();
      const tasks: NewTask[] = Array.from({ length: count }, (_, i) => ({
        id: ids("tsk"),
        type: "notify",
        channel: "email",
        lane: settings.lane,
        payload: JSON.stringify(anEmail({ to: [{ address: `u${i}@example.org` }] })),
        label: "mail",
        createdAt: now,
        dueAt: now,
        priority: 5,
        retry: [],
        timeoutMs: 60_000,
        onUnknown: "retry",
        ...more,
      }));
      await engine.insert({ tasks });
      return tasks.map(({ id }) => id);
    },
    async allFinal(ids) {
      for (const id of ids) {
        while (["queued", "running"].includes((await engine.find(id))?.state ?? "")) await pause();
      }
    },
    async [Symbol.asyncDispose]() {
      await worker.stop("shutdown", 0);
      await channel.close?.();
      await engine[Symbol.asyncDispose]();
    },
  };
}

function runnerOf(channel: ReturnType<typeof openEmailChannel>): AttemptRunner {
  return {
    graceMs: () => channel.graceMs ?? 0,
    begin(_, attempt) {
      const aborter = new AbortController();
      const shutdown = new AbortController();
      const stages = new Set<string | undefined>();
      const outcome = channel.deliver(attempt, {
        signal: aborter.signal,
        shutdown: shutdown.signal,
        progress: ({ stage }) => void stages.add(stage),
      });
      return {
        outcome,
        isSending: () => stages.has("sending"),
        keepsDeadline: () => stages.has("begun"),
        abort(cause) {
          aborter.abort(cause);
          if (cause === "shutdown" || cause === "drain") shutdown.abort(cause);
        },
      };
    },
  };
}

/** A clock that runs faster than the machine's. */
function fastClock(speed: number): Clock {
  const start = systemClock.now();
  const origin = systemClock.monotonic();
  const elapsed = () => (systemClock.monotonic() - origin) * speed;
  return {
    now: () => Math.round(start + elapsed()),
    monotonic: elapsed,
    after: (delayMs, wake) => systemClock.after(delayMs / speed, wake),
  };
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 5));
}

function mulberry(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}
