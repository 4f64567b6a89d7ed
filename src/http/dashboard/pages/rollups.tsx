/**
 * Tables of the history: by type, by host, and failures by reason and by host.
 *
 * @module
 */

import type { Child } from "hono/jsx";
import { countAt, OTHER_HOSTS, quantilesOf, type Tally, tallyAt } from "../../../task/history.ts";
import { endedAs, type Shown } from "../../stats/history.ts";
import { percent, ShareBar, Sparkline } from "../charts.tsx";
import { duration, grouped } from "../components.tsx";

/** Rows of a table of the overview. */
const ROWS = 10;

/** A host or relay and what was counted of it. */
export interface HostCounts {
  /** Its lane; empty for those that have no name of their own. */
  readonly lane: string;
  readonly attempts: number;
  /** Tasks that failed for good with an attempt there. */
  readonly failed: number;
  /** Attempts that were not delivered. */
  readonly bad: number;
  /** The 95th percentile of the duration of an attempt, in milliseconds. */
  readonly p95: number | undefined;
}

/** The hosts and relays of a tally. */
export function hostsOf(total: Tally): HostCounts[] {
  return Object.entries(tallyAt(total, "hosts")).map(([lane, value]) => {
    const host = value as Tally;
    const attempts = countAt(host, "attempts");
    return {
      lane,
      attempts,
      failed: countAt(host, "failed"),
      bad: attempts - countAt(host, "delivered"),
      p95: quantilesOf(tallyAt(host, "ms")).p95,
    };
  });
}

/** Failed tasks by reason and error, the most frequent first. */
function reasonsOf(total: Tally): { reason: string; code: string; failed: number }[] {
  const sums = new Map<string, number>();
  for (const host of Object.values(tallyAt(total, "hosts"))) {
    for (const [name, failed] of Object.entries(tallyAt(host as Tally, "reasons"))) {
      sums.set(name, (sums.get(name) ?? 0) + Number(failed));
    }
  }
  return [...sums].map(([name, failed]) => {
    const [reason = "", code = ""] = name.split(" ");
    return { reason, code, failed };
  }).sort((a, b) => b.failed - a.failed);
}

/** Failed tasks by reason, and by host. */
export function Failures({ shown, since }: { shown: Shown; since: string }) {
  const reasons = reasonsOf(shown.total).slice(0, ROWS);
  const named = hostsOf(shown.total).reduce((sum, { failed }) => sum + failed, 0);
  const unnamed = endedAs(shown.total, "failed") - named;
  // A crash or damage ends a task without an attempt that could tell the reason.
  if (unnamed > 0) reasons.push({ reason: "", code: "crashed or damaged", failed: unnamed });
  const hosts = hostsOf(shown.total).filter(({ failed }) => failed > 0)
    .sort((a, b) => b.failed - a.failed).slice(0, ROWS);
  if (reasons.length === 0) return <p class="empty">No task has failed.</p>;
  const all = reasons.reduce((sum, { failed }) => sum + failed, 0);
  return (
    <div class="columns">
      <FailedTable
        by="reason"
        column="Reason"
        all={all}
        rows={reasons.map(({ reason, code, failed }) => ({
          failed,
          what: (
            <>
              <a href={failedLink(since, reason === "" ? {} : { reason })}>{code}</a>{" "}
              <span class="unit">{reason}</span>
            </>
          ),
        }))}
      />
      <FailedTable
        by="host"
        column="Host or relay"
        all={all}
        rows={hosts.map(({ lane, failed }) => ({
          failed,
          what: <HostLink lane={lane} href={failedLink(since, { host: lane })} />,
        }))}
      />
    </div>
  );
}

/** Failed tasks of each kind, and their share of all. */
function FailedTable({ by, column, all, rows }: {
  by: string;
  column: string;
  all: number;
  rows: readonly { readonly what: Child; readonly failed: number }[];
}) {
  return (
    <table class="dense few">
      <caption>{`By ${by}`}</caption>
      <thead>
        <tr>
          <th scope="col">{column}</th>
          <th scope="col" class="number">Failed</th>
          <th scope="col" class="wide">Share</th>
        </tr>
      </thead>
      <tbody>
        {rows.map(({ what, failed }) => (
          <tr>
            <td data-name={column} class="what">{what}</td>
            <td data-name="Failed" class="number">{grouped(failed)}</td>
            <td data-name="Share" class="wide">
              <ShareBar part={failed} whole={all} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** The list of the failed tasks behind a number. */
export function failedLink(since: string, more: Readonly<Record<string, string>>): string {
  return `/ui/tasks?${new URLSearchParams({ state: "failed", ...more, finishedSince: since })}`;
}

/** A host with a link; the sum of the other hosts has none. */
export function HostLink({ lane, href }: { lane: string; href: string }) {
  return lane === OTHER_HOSTS ? <>other hosts</> : <a href={href} title={lane}>{hostName(lane)}</a>;
}

/** A lane as it is shown: without the scheme's own port. */
export function hostName(lane: string): string {
  return lane.replace(/^https:\/\/(.*):443$/, "$1").replace(/^mail:/, "").replace(
    /^https?:\/\//,
    "",
  );
}

/** What became of the tasks of each type. */
export function TypeTable({ shown }: { shown: Shown }) {
  const types = Object.entries(tallyAt(shown.total, "types"));
  if (types.length === 0) return <p class="empty">No task was accepted or ended.</p>;
  return (
    <table class="dense few">
      <caption>By type</caption>
      <thead>
        <tr>
          <th scope="col">Type</th>
          <th scope="col" class="wide">Finished</th>
          <th scope="col" class="number">Succeeded</th>
          <th scope="col" class="number">Failed</th>
          <th scope="col" class="number">
            p95 <span class="unit">end to end</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {types.map(([type, value]) => {
          const counts = value as Tally;
          const p95 = quantilesOf(tallyAt(counts, "ms")).p95;
          return (
            <tr>
              <td data-name="Type" class="what">
                <a href={`/ui/tasks?type=${encodeURIComponent(type)}`}>{type}</a>
              </td>
              <td data-name="Finished" class="wide">
                <Sparkline
                  steps={shown.steps}
                  path={["types", type]}
                  all={["succeeded", "failed"]}
                  bad="failed"
                />
              </td>
              <td data-name="Succeeded" class="number">{grouped(countAt(counts, "succeeded"))}</td>
              <td data-name="Failed" class="number">{grouped(countAt(counts, "failed"))}</td>
              <td data-name="p95 end to end" class="number">
                {p95 === undefined ? "–" : duration(p95)}
              </td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}

/** What each kind of submitter submits, and the list of its tasks. */
const SUBMITTERS: Readonly<
  Record<string, { units: readonly [one: string, many: string]; filter: (name: string) => object }>
> = {
  key: {
    units: ["task", "tasks"],
    filter: (owner) => owner === "anonymous" ? { source: "api" } : { owner },
  },
  hook: { units: ["delivery", "deliveries"], filter: (name) => ({ source: `hook:${name}` }) },
  schedule: { units: ["run", "runs"], filter: (name) => ({ source: `schedule:${name}` }) },
};

/** Who submitted most. */
export function Submitters({ shown }: { shown: Shown }) {
  const rows = Object.entries(tallyAt(shown.total, "submitters"))
    .map(([who, count]) => ({ who, count: Number(count) }))
    .sort((a, b) => b.count - a.count).slice(0, ROWS);
  if (rows.length === 0) return null;
  return (
    <table class="dense few">
      <caption>Submitted by</caption>
      <thead>
        <tr>
          <th scope="col">Key, hook or schedule</th>
          <th scope="col" class="wide">Over time</th>
          <th scope="col" class="number">Submitted</th>
        </tr>
      </thead>
      <tbody>
        {rows.map(({ who, count }) => {
          const [kind = "", ...words] = who.split(" ");
          const name = words.join(" ");
          const { units: [one, many] = ["", ""], filter = () => ({}) } = SUBMITTERS[kind] ?? {};
          const href = `/ui/tasks?${new URLSearchParams(Object.entries(filter(name)))}`;
          return (
            <tr>
              <td data-name="Who" class="what">
                <a href={href}>{name}</a> <span class="unit">{kind}</span>
              </td>
              <td data-name="Over time" class="wide">
                <Sparkline steps={shown.steps} path={["submitters"]} all={[who]} bad="" />
              </td>
              <td data-name="Submitted" class="number">
                {grouped(count)} <span class="unit">{count === 1 ? one : many}</span>
              </td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}

/** The hosts with the most attempts. */
export function BusiestHosts({ shown, since }: { shown: Shown; since: string }) {
  const hosts = hostsOf(shown.total).filter(({ lane }) => lane !== OTHER_HOSTS)
    .sort((a, b) => b.attempts - a.attempts).slice(0, ROWS);
  if (hosts.length === 0) return <p class="empty">No attempt has ended.</p>;
  return (
    <table class="dense few">
      <caption>
        Busiest hosts and relays · <a href={`/ui/lanes?since=${since}`}>all</a>
      </caption>
      <thead>
        <tr>
          <th scope="col">Host or relay</th>
          <th scope="col" class="wide">Over time</th>
          <th scope="col" class="number">Attempts</th>
          <th scope="col" class="number">Not delivered</th>
          <th scope="col" class="number minor">p95</th>
        </tr>
      </thead>
      <tbody>
        {hosts.map(({ lane, attempts, bad, p95 }) => (
          <tr>
            <td data-name="Host" class="what">
              <HostLink lane={lane} href={`/ui/tasks?${new URLSearchParams({ host: lane })}`} />
            </td>
            <td data-name="Over time" class="wide">
              <HostSparkline shown={shown} lane={lane} />
            </td>
            <td data-name="Attempts" class="number">{grouped(attempts)}</td>
            <td data-name="Not delivered" class="number">{percent(bad, attempts)}</td>
            <td data-name="p95" class="number minor">{p95 === undefined ? "–" : duration(p95)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** The attempts of a host over time; those that were refused or deferred are marked. */
export function HostSparkline({ shown, lane }: { shown: Shown; lane: string }) {
  const steps = shown.steps.map((step) => {
    const host = tallyAt(step, "hosts", lane);
    const attempts = countAt(host, "attempts");
    return { attempts, bad: attempts - countAt(host, "delivered") };
  });
  return <Sparkline steps={steps} path={[]} all={["attempts"]} bad="bad" />;
}
