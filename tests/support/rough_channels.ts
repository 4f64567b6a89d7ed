/**
 * A table of channels that misbehave, for a thread of the tests.
 *
 * @module
 */

import { textOfJson } from "../../src/lib/json/held_text.ts";
import type { Channel } from "../../src/channels/channel.ts";
import type { Outcome } from "../../src/task/outcome.ts";
import type { Json } from "../../src/task/task.ts";

/** `terminate()` cannot stop a busy loop on Deno 2.9.6, so the loop ends by itself. */
const BURN_MS = 1_500;

/** Opens one channel for each way to misbehave, and one that behaves. */
export default function openRoughChannels(settings: Json): ReadonlyMap<string, Channel> {
  if (settings === "fail") throw new Error("told to fail");
  return new Map<string, Channel>([
    ["echo", {
      deliver: ({ payload }) => Promise.resolve({ kind: "delivered", result: textOfJson(payload) }),
    }],
    ["patient", { graceMs: 60_000, oneThread: true, deliver: () => never }],
    ["hang", { deliver: () => never }],
    ["obedient", {
      deliver: (_attempt, { signal }) =>
        new Promise((resolve) => {
          const end = () =>
            resolve({ kind: "deferred", error: { code: "aborted", detail: `${signal.reason}` } });
          signal.addEventListener("abort", end, { once: true });
        }),
    }],
    ["sent_and_hang", {
      deliver: (_attempt, { progress }) => {
        progress({ stage: "sending" });
        progress({ bytes: 1 });
        return never;
      },
    }],
    ["burn", {
      deliver: async () => {
        await Promise.resolve();
        const end = performance.now() + BURN_MS;
        while (performance.now() < end);
        return { kind: "delivered" };
      },
    }],
    ["throw", { deliver: () => Promise.reject(new Error("a bug")) }],
    ["die", {
      deliver: () => {
        setTimeout(() => {
          throw new Error("dead");
        }, 0);
        return never;
      },
    }],
  ]);
}

const never = new Promise<Outcome>(() => {});
