/**
 * The data of the page of hosts and relays.
 *
 * @module
 */

import type { LaneStatus } from "../../queue/engine.ts";
import { query, type RequestContext } from "../context.ts";
import type { Dependencies } from "../dependencies.ts";
import { isHost } from "../routes/status.ts";
import { LanesContent } from "./lanes.tsx";
import type { MakePage } from "./page.tsx";

const MAX_LANES = 200;

/** Makes the page of hosts and relays. */
export function lanesPage({ engine, clock }: Dependencies): MakePage {
  return async function lanes(context: RequestContext) {
    query(context, []);
    const [lanes, pauses] = await Promise.all([engine.lanes(MAX_LANES), engine.pauses()]);
    const of = (isWanted: (lane: LaneStatus) => boolean) => lanes.filter(isWanted);
    const content = (
      <LanesContent
        now={clock.now()}
        pauses={pauses}
        operates={context.caller.scopes.has("operate")}
        hosts={of(({ lane }) => isHost(lane))}
        relays={of(({ lane }) => !isHost(lane))}
      />
    );
    return { title: "Hosts and relays", place: "lanes", live: true, content } as const;
  };
}
