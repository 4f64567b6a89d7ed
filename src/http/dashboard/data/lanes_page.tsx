/**
 * The data of the page of hosts and relays.
 *
 * @module
 */

import type { RequestContext } from "../../context.ts";
import type { Dependencies } from "../../dependencies.ts";
import { isHost } from "../../routes/status.ts";
import { LanesContent, type ShownLane } from "../pages/lanes.tsx";
import type { MakePage } from "../page.tsx";
import { hostsOf } from "../pages/rollups.tsx";
import { lookBackOf } from "../windows.tsx";

const MAX_LANES = 200;
/** Lanes with neither running attempts nor a hold whose limit is looked up. */
const MAX_IDLE = 25;

/** Makes the page of hosts and relays. */
export function lanesPage({ engine, clock, history }: Dependencies): MakePage {
  return async function lanes(context: RequestContext) {
    const period = lookBackOf(context, clock.now(), "1h");
    const [active, pauses, shown] = await Promise.all([
      engine.lanes(MAX_LANES),
      engine.pauses(),
      history.read(period.from),
    ]);
    const statuses = new Map(active.map((status) => [status.lane, status]));
    const counted = hostsOf(shown.total);
    const known = new Set(counted.map(({ lane }) => lane));
    const uncounted = active.filter(({ lane }) => !known.has(lane))
      .map(({ lane }) => ({ lane, attempts: 0, failed: 0, bad: 0, p95: undefined }));
    const all = [...counted, ...uncounted].sort((a, b) =>
      b.failed - a.failed || b.bad - a.bad || b.attempts - a.attempts
    );
    // A shared engine reads all lanes for each.
    const idle = engine.cluster ? [] : all.filter(({ lane }) => lane !== "" && !statuses.has(lane));
    for (
      const status of await Promise.all(
        idle.slice(0, MAX_IDLE).map(({ lane }) => engine.lane(lane)),
      )
    ) statuses.set(status.lane, status);
    const lanes = all.map((counts): ShownLane => ({ counts, status: statuses.get(counts.lane) }));
    const isOther = ({ counts: { lane } }: ShownLane) => lane !== "" && !isHost(lane);
    const content = (
      <LanesContent
        now={clock.now()}
        pauses={pauses}
        operates={context.caller.scopes.has("operate")}
        hosts={lanes.filter((lane) => !isOther(lane))}
        relays={lanes.filter(isOther)}
        period={period}
        shown={shown}
      />
    );
    return { title: "Hosts and relays", place: "lanes", live: true, content } as const;
  };
}
