/**
 * The data of the overview.
 *
 * @module
 */

import type { RequestContext } from "../context.ts";
import type { Dependencies } from "../dependencies.ts";
import type { WindowCounters } from "../stats/window_counters.ts";
import { concernsOf } from "./health.ts";
import { lookBackOf } from "./windows.tsx";
import { endedAs } from "../stats/history.ts";
import { OverviewContent } from "./overview.tsx";
import type { MakePage } from "./page.tsx";

const MAX_LANES = 200;
const HOUR_MS = 3_600_000;

/** What the overview shows besides the dependencies of the API. */
export interface OverviewParts {
  /** Rates and latencies. */
  readonly counters: WindowCounters;
}

/** Makes the overview. */
export function overviewPage(dependencies: Dependencies, own: OverviewParts): MakePage {
  const { engine, ports, clock, history } = dependencies;

  return async function overview(context: RequestContext) {
    const period = lookBackOf(context, clock.now(), "1h");
    const hour = () => history.read(clock.now() - HOUR_MS);
    const [counts, nodes, queued, pauses, disk, lanes, failed, latest, lastHour, shown] =
      await Promise.all([
        engine.counts(),
        engine.cluster?.nodes() ?? [],
        engine.queued(),
        engine.pauses(),
        ports.queueFile?.usage(),
        engine.lanes(MAX_LANES),
        engine.list({ states: ["failed"] }, 5),
        engine.list({}, 10),
        hour(),
        history.read(period.from),
      ]);
    const failedLastHour = endedAs(lastHour.total, "failed");
    const now = clock.now();
    const worker = ports.worker();
    const held = lanes.filter(({ heldUntil = 0 }) => heldUntil > now);
    const concerns = concernsOf({
      now,
      accepting: dependencies.accepting(),
      isFileGone: ports.queueFile?.isGone === true,
      freeBytes: disk?.freeBytes,
      worker,
      held,
      pauses: pauses.length,
      queued,
      failedLastHour,
    });
    const content = (
      <OverviewContent
        now={now}
        counts={counts}
        pauses={pauses.length}
        period={period}
        shown={shown}
        failedLastHour={failedLastHour}
        disk={disk}
        counters={own.counters}
        worker={worker}
        held={held}
        queued={queued}
        nodes={nodes}
        concerns={concerns}
        failed={failed.tasks}
        latest={latest.tasks}
        engine={engine}
        startedAt={dependencies.startedAt}
      />
    );
    return {
      title: "Overview",
      place: "overview",
      live: true,
      content,
    } as const;
  };
}
