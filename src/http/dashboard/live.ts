/**
 * The live stream of the dashboard: tells a page that something has changed, at
 * most ten times a second. The page then reads itself again.
 *
 * @module
 */

import { requireScope } from "../auth/auth.ts";
import type { RequestContext } from "../context.ts";
import type { Dependencies } from "../dependencies.ts";
import {
  endOn,
  eventResponse,
  KEEP_ALIVE_MS,
  openInbox,
  streamOf,
} from "../streams/event_stream.ts";

/** Interval of the checks for changes, in milliseconds. */
const CHECK_MS = 100;
/** Interval of pulses while attempts run, because progress is no change; in milliseconds. */
const RUNNING_MS = 1_000;

/** Streams a pulse at once, after changes, and while attempts run. */
export function pulses(
  { engine, ports, clock }: Dependencies,
  context: RequestContext,
): Response {
  requireScope(context.caller, "read");
  if (context.request.method === "HEAD") return eventResponse(context, null);
  const inbox = openInbox<never>(clock);
  let seen = -1;
  let sentAt = -Infinity;

  async function next(): Promise<string | undefined> {
    for (;;) {
      const change = await engine.lastChange();
      const sinceMs = clock.monotonic() - sentAt;
      const isMoving = ports.worker().running > 0 && sinceMs >= RUNNING_MS;
      if (change !== seen || isMoving) {
        seen = change;
        sentAt = clock.monotonic();
        return `retry: 1000\nevent: pulse\ndata: ${change}\n\n`;
      }
      if (sinceMs >= KEEP_ALIVE_MS) {
        sentAt = clock.monotonic();
        return ": keep-alive\n\n";
      }
      const { ended } = await inbox.take(CHECK_MS);
      if (ended) return undefined;
    }
  }

  return eventResponse(context, streamOf(next, endOn(context.ending(), () => inbox.end())));
}
