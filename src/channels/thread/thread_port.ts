/**
 * A thread of channels: a Worker that knows nothing until it is told.
 *
 * @module
 */

import { systemClock } from "../../lib/clock.ts";
import type { Failpoint } from "../../lib/failpoints.ts";
import type { OpenChannels } from "../channel.ts";
import type { FromThread, ToThread } from "./thread_protocol.ts";
import { openThreadServer } from "./thread_server.ts";

/** What a Worker's global object is, for those who only write it. */
const port = globalThis as unknown as {
  onmessage: (event: MessageEvent<ToThread>) => void;
  postMessage(message: FromThread): void;
};

/** Makes this Worker a thread of channels. */
export function serveChannels(failpoint: Failpoint): void {
  const receive = openThreadServer({
    send: (message) => port.postMessage(message),
    clock: systemClock,
    failpoint,
    load: async (table) => (await import(table) as { default: OpenChannels }).default,
  });

  port.onmessage = ({ data }) => receive(data);

  // A promise that a library forgot would otherwise end every attempt in hand.
  globalThis.addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    port.postMessage({
      type: "log",
      level: "error",
      message: "A promise of a channel was rejected unheard",
      fields: { error: String(event.reason instanceof Error ? event.reason.stack : event.reason) },
    });
  });
}
