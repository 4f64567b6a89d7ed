/**
 * A queue, a worker and the channel `email` on a clock that runs fast.
 *
 * @module
 */

import type { AttemptRunner } from "../../src/channels/channel.ts";
import { openEmailChannel } from "../../src/channels/mail/email.ts";
import { parseMailUrl } from "../../src/channels/mail/mail_settings.ts";
import { type Clock, systemClock } from "../../src/lib/clock.ts";
import { openIds } from "../../src/lib/ids.ts";
import type { QueueEngine } from "../../src/queue/engine.ts";
import { openMemoryEngine } from "../../src/queue/memory/engine.ts";
import type { NewTask } from "../../src/task/task.ts";
import { openWorker } from "../../src/worker/worker.ts";
import { anEmail } from "../channels/support/attempts.ts";
import { silentLog } from "../support/silent_log.ts";

/** How many times faster than the machine's clock. */
export const SPEED = 50;

/** Delivers mails to a relay. */
export interface World extends AsyncDisposable {
  readonly engine: QueueEngine;
  readonly clock: Clock;
  /** Submits mails to `u0@example.org`, `u1@example.org` and so on. */
  accept(count: number, more: Partial<NewTask>): Promise<string[]>;
  /** Resolves once all of them are final. */
  allFinal(ids: readonly string[]): Promise<void>;
}

/** Opens it for a relay on this port of 127.0.0.1. */
export function openWorld(port: number, { login = "", speed = SPEED } = {}): World {
  const clock = fastClock(speed);
  const engine = openMemoryEngine({ clock });
  const settings = parseMailUrl(`smtp://${login}127.0.0.1:${port}?tls=none`);
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
    clock,
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

/** A moment. */
export function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 5));
}
