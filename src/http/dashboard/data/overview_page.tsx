/**
 * The data of the overview.
 *
 * @module
 */

import type { RequestContext } from "../../context.ts";
import { OTHER_HOSTS, type Tally } from "../../../task/history.ts";
import type { Dependencies } from "../../dependencies.ts";
import { dueIn, endedAs } from "../../stats/history.ts";
import type { WindowCounters } from "../../stats/window_counters.ts";
import { concernsOf } from "../health.ts";
import { lookBackOf } from "../windows.tsx";
import { OverviewContent, TREND_MIN } from "../pages/overview.tsx";
import { troubleOf } from "../pages/hooks.tsx";
import type { MakePage } from "../page.tsx";
import { hostName, hostsOf } from "../pages/rollups.tsx";

const MAX_LANES = 200;
const HOUR_MS = 3_600_000;

/** What the overview shows besides the dependencies of the API. */
export interface OverviewParts {
  /** Rates and latencies. */
  readonly counters: WindowCounters;
}

/** Makes the overview. */
export function overviewPage(dependencies: Dependencies, own: OverviewParts): MakePage {
  const { engine, ports, clock, history, hooks, schedules } = dependencies;

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
        engine.list({}, 5),
        hour(),
        history.read(period.from),
      ]);
    const failedLastHour = endedAs(lastHour.total, "failed");
    const now = clock.now();
    const before = dueIn(lastHour.steps.at(-1 - TREND_MIN) ?? {});
    const isKnown = before > 0 || now - dependencies.startedAt > TREND_MIN * 60_000;
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
      worstHost: worstHostOf(lastHour.total),
      failedSchedules: schedules.list().filter(({ record }) => record.error !== undefined)
        .map(({ name }) => name),
      troubledHooks: hooks.list().map(({ name }) => name).filter((name) =>
        troubleOf(lastHour.total, name) > 0
      ),
    });
    const content = (
      <OverviewContent
        now={now}
        counts={counts}
        pauses={pauses.length}
        period={period}
        shown={shown}
        failedLastHour={failedLastHour}
        dueBefore={isKnown ? before : undefined}
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

/** The host where more than half of the failed tasks failed, if several failed. */
function worstHostOf(total: Tally): string | undefined {
  const hosts = hostsOf(total).filter(({ failed }) => failed > 0);
  const all = hosts.reduce((sum, { failed }) => sum + failed, 0);
  const worst = hosts.find(({ failed }) => failed * 2 > all);
  return all > 1 && worst && worst.lane !== OTHER_HOSTS ? hostName(worst.lane) : undefined;
}
