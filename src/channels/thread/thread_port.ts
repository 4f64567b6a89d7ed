/**
 * Runs the channels on a Worker: connects its messages to the thread server.
 *
 * @module
 */

import { systemClock } from "../../lib/clock.ts";
import type { Failpoint } from "../../lib/failpoints.ts";
import type { OpenChannels } from "../channel.ts";
import type { FromThread, ToThread } from "./thread_protocol.ts";
import { openThreadServer } from "./thread_server.ts";

/** The part of a Worker's global object that is used here. */
const port = globalThis as unknown as {
  onmessage: (event: MessageEvent<ToThread>) => void;
  postMessage(message: FromThread): void;
};

/** Makes this Worker a channel thread. */
export function serveChannels(failpoint: Failpoint): void {
  const receive = openThreadServer({
    send: (message) => port.postMessage(message),
    clock: systemClock,
    failpoint,
    load: async (table) => (await import(table) as { default: OpenChannels }).default,
  });

  port.onmessage = ({ data }) => receive(data);

  // Without this, a rejected promise that a library does not handle ends every running attempt.
  globalThis.addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    port.postMessage({
      type: "log",
      level: "error",
      message: "Unhandled promise rejection in a channel",
      fields: { error: String(event.reason instanceof Error ? event.reason.stack : event.reason) },
    });
  });
}
