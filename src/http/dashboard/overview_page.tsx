/**
 * The data of the overview.
 *
 * @module
 */

import { query, type RequestContext } from "../context.ts";
import type { Dependencies } from "../dependencies.ts";
import type { History } from "../stats/history.ts";
import type { WindowCounters } from "../stats/window_counters.ts";
import { concernsOf } from "./health.ts";
import { OverviewContent } from "./overview.tsx";
import type { MakePage } from "./page.tsx";

const MAX_LANES = 200;

/** What the overview shows besides the dependencies of the API. */
export interface OverviewParts {
  /** Rates and latencies. */
  readonly counters: WindowCounters;
  /** Throughput of the last hour. */
  readonly history: History;
}

/** Makes the overview. */
export function overviewPage(dependencies: Dependencies, own: OverviewParts): MakePage {
  const { engine, ports, clock } = dependencies;

  return async function overview(context: RequestContext) {
    query(context, []);
    const [counts, nodes, queued, pauses, usage, lanes, failed, latest] = await Promise.all([
      engine.counts(),
      engine.cluster?.nodes() ?? [],
      engine.queued(),
      engine.pauses(),
      ports.queueFile?.usage(),
      engine.lanes(MAX_LANES),
      engine.list({ states: ["failed"] }, 5),
      engine.list({}, 10),
    ]);
    const now = clock.now();
    const worker = ports.worker();
    const held = lanes.filter(({ heldUntil = 0 }) => heldUntil > now);
    const concerns = concernsOf({
      now,
      accepting: dependencies.accepting(),
      isFileGone: ports.queueFile?.isGone === true,
      freeBytes: usage?.freeBytes,
      worker,
      held,
      pauses: pauses.length,
      queued,
      failedLastHour: own.history.failedLastHour(),
    });
    const content = (
      <OverviewContent
        now={now}
        counts={counts}
        pauses={pauses.length}
        series={own.history.series()}
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
      scripts: ["uplot.js"],
      content,
    } as const;
  };
}
