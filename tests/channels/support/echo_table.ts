/**
 * A table of channels that do as the payload says, for tests of the thread.
 *
 * @module
 */

import { textOfJson } from "../../../src/lib/json/held_text.ts";
import type { Channel, OpenChannels } from "../../../src/channels/channel.ts";

/** Opens `echo`, which delivers what it got, and `hang`, which waits for its abort. */
const openChannels: OpenChannels = (settings) => {
  if (settings === "broken") throw new Error("no such relay");
  return new Map<string, Channel>([
    ["echo", {
      deliver: ({ payload }) => Promise.resolve({ kind: "delivered", result: textOfJson(payload) }),
    }],
    ["bug", {
      deliver: () => Promise.reject(new TypeError("x is not a function")),
    }],
    ["hang", {
      graceMs: 600_000,
      deliver: (_, { signal, progress }) => {
        progress({ stage: "sending" });
        progress({ bytes: 1 });
        progress({ bytes: 2, totalBytes: 3 });
        const { promise, resolve } = Promise.withResolvers<void>();
        signal.addEventListener("abort", () => resolve());
        return promise.then(() => ({
          kind: "unknown",
          error: { code: String(signal.reason), detail: "cut off" },
        }));
      },
    }],
  ]);
};

export default openChannels;
