/**
 * The pulse of the dashboard: says that something has changed, a few times a
 * second at most, however much does. What has, the page then reads itself.
 *
 * @module
 */

import { requireScope } from "../auth/auth.ts";
import type { RequestContext } from "../context.ts";
import { ending, eventResponse } from "../routes/events.ts";
import type { Dependencies } from "../dependencies.ts";
import { KEEP_ALIVE_MS, openInbox, streamOf } from "../streams/event_stream.ts";

/** Between two looks, in milliseconds. */
const LOOK_MS = 100;
/** While attempts run their progress moves without a change, in milliseconds. */
const RUNNING_MS = 1_000;

/** Answers with a pulse at once, at each change, and while anything runs. */
export function pulses(
  { engine, ports, clock, closing }: Dependencies,
  context: RequestContext,
): Response {
  requireScope(context.caller, "read");
  if (context.request.method === "HEAD") return eventResponse(context, null);
  const inbox = openInbox<never>(clock);
  let seen = -1;
  let saidAt = -Infinity;

  async function next(): Promise<string | undefined> {
    for (;;) {
      const change = await engine.lastChange();
      const sinceMs = clock.monotonic() - saidAt;
      const isMoving = ports.worker().running > 0 && sinceMs >= RUNNING_MS;
      if (change !== seen || isMoving) {
        seen = change;
        saidAt = clock.monotonic();
        return `retry: 1000\nevent: pulse\ndata: ${change}\n\n`;
      }
      if (sinceMs >= KEEP_ALIVE_MS) {
        saidAt = clock.monotonic();
        return ": still here\n\n";
      }
      const { ended } = await inbox.take(LOOK_MS);
      if (ended) return undefined;
    }
  }

  return eventResponse(context, streamOf(next, ending(closing, () => inbox.end())));
}
