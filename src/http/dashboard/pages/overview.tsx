/**
 * The overview page: is it well, what waits, what happened, and why tasks failed.
 *
 * @module
 */

import type { Child } from "hono/jsx";
import type { LaneStatus, NodeStatus, QueuedKinds } from "../../../queue/engine.ts";
import { countAt, quantilesOf, type Tally, tallyAt } from "../../../task/history.ts";
import type { QueueFile, WorkerStatus } from "../../../task/ports.ts";
import { type Counts, TASK_STATES } from "../../../task/state.ts";
import type { TaskSummary } from "../../../task/task.ts";
import { endedAs, type Shown } from "../../stats/history.ts";
import type { WindowCounters } from "../../stats/window_counters.ts";
import {
  endToEnd,
  FinishedChart,
  LatencyChart,
  percent,
  QuantileList,
  Sparkline,
  WaitingChart,
} from "../charts.tsx";
import { Badge, bytes, duration, Fact, grouped, Moment } from "../components.tsx";
import { type Concern, LATE_MS } from "../health.ts";
import { BusiestHosts, failedLink, Failures, Submitters, TypeTable } from "./rollups.tsx";
import { TaskTable } from "./task_table.tsx";
import { type LookBack, WindowSwitch } from "../windows.tsx";

/** What is shown. */
export interface Overview {
  /** The moment, in milliseconds since the epoch. */
  readonly now: number;
  /** Tasks by state. */
  readonly counts: Counts;
  /** Queued tasks by what they wait for. */
  readonly queued: QueuedKinds;
  /** How many pauses are in force. */
  readonly pauses: number;
  /** How far the page looks back. */
  readonly period: LookBack;
  /** The history of that time. */
  readonly shown: Shown;
  /** Tasks that failed within the last hour. */
  readonly failedLastHour: number;
  /** Due tasks `TREND_MIN` minutes ago, as far as that is known. */
  readonly dueBefore: number | undefined;
  /** Rates and latencies. */
  readonly counters: WindowCounters;
  /** Status of the worker. */
  readonly worker: WorkerStatus;
  /** Held hosts and relays. */
  readonly held: readonly LaneStatus[];
  /** The latest failed tasks. */
  readonly failed: readonly TaskSummary[];
  /** The latest accepted tasks. */
  readonly latest: readonly TaskSummary[];
  /** The engine. */
  readonly engine: {
    readonly name: string;
    readonly durable: boolean;
    readonly durability: string;
  };
  /** The disk of the queue's file, where it has one. */
  readonly disk: Awaited<ReturnType<QueueFile["usage"]>> | undefined;
  /** The nodes that share the queue; none where the engine serves one process. */
  readonly nodes: readonly NodeStatus[];
  /** What is not well. */
  readonly concerns: readonly Concern[];
  /** Start of the service, in milliseconds since the epoch. */
  readonly startedAt: number;
}

/** Over how many minutes a trend is told. */
export const TREND_MIN = 5;

/** The content of the overview. */
export function OverviewContent(props: Overview) {
  const { failed, latest, now, shown, period } = props;
  return (
    <>
      <section id="health" data-live aria-label="Health">
        <Health concerns={props.concerns} />
        {props.engine.durable
          ? null
          : <p class="notice">Tasks are kept in memory: they are lost when the process ends.</p>}
      </section>
      <section id="now" data-live aria-label="Now">
        <Now {...props} />
      </section>
      <section id="throughput" data-live>
        <div class="heading">
          <h2>Throughput</h2>
          <WindowSwitch path="/" now={period} />
        </div>
        <div class="charts">
          <FinishedChart shown={shown} name={period.name} />
          <WaitingChart shown={shown} name={period.name} />
          <LatencyChart shown={shown} name={period.name} />
        </div>
        <Figures {...props} />
      </section>
      <section id="failures" data-live>
        <h2>Failures, {period.name}</h2>
        <Failures shown={shown} since={period.since} />
      </section>
      <section id="rollups" class="later" data-live>
        <h2>Types, submitters and hosts, {period.name}</h2>
        <div class="columns">
          <div class="stack">
            <TypeTable shown={shown} />
            <Submitters shown={shown} />
          </div>
          <BusiestHosts shown={shown} since={period.since} />
        </div>
      </section>
      <section id="failed" class="later" data-live>
        <h2>Recent failures</h2>
        {failed.length === 0
          ? <p class="empty">No task has failed.</p>
          : <TaskTable tasks={failed} now={now} />}
      </section>
      <section id="latest" class="later" data-live>
        <h2>Recently accepted</h2>
        {latest.length === 0
          ? (
            <p class="empty">
              No tasks yet: <a href="/ui/send">send one</a>.
            </p>
          )
          : <TaskTable tasks={latest} now={now} />}
      </section>
      <section id="system" class="later" data-live>
        <h2>System</h2>
        <System {...props} />
        {props.nodes.length === 0 ? null : <Nodes {...props} />}
      </section>
    </>
  );
}

/** One sentence that answers "is it well?", and a link to the first thing that is not. */
function Health({ concerns: [first, ...others] }: { concerns: readonly Concern[] }) {
  if (!first) {
    return (
      <p class="health well">
        <strong>All is well.</strong> No task failed in the last hour, and none is late.
      </p>
    );
  }
  return (
    <p class="health">
      <strong>Not well:</strong> <a href={first.href}>{first.text}</a>
      {others.map(({ text, href }) => (
        <>
          {" · "}
          <a href={href}>{text}</a>
        </>
      ))}
    </p>
  );
}

/** The figures that matter at this moment, each with a link to what is behind it. */
function Now({ queued, worker, failedLastHour, now, counts }: Overview) {
  const waitedMs = now - (queued.oldestDueAt ?? now);
  return (
    <>
      <ul class="now">
        <Figure
          name="due"
          href="/ui/tasks?queued=due"
          value={grouped(queued.due)}
          bad={waitedMs > LATE_MS}
        >
          {queued.due === 0 ? "nothing waits" : `oldest waits ${duration(waitedMs)}`}
        </Figure>
        <Figure
          name="scheduled"
          href="/ui/tasks?queued=scheduled&sort=due"
          value={grouped(queued.scheduled)}
        >
          their time is later
        </Figure>
        <Figure
          name="retrying"
          href="/ui/tasks?queued=retrying&sort=due"
          value={grouped(queued.retrying)}
        >
          wait to be tried again
        </Figure>
        {queued.paused === 0
          ? null
          : (
            <Figure name="paused" href="/ui/tasks?queued=paused" value={grouped(queued.paused)}>
              a pause covers them
            </Figure>
          )}
        <Figure name="running" href="/ui/tasks?state=running" value={grouped(counts.running)}>
          of {grouped(worker.concurrency)} here
        </Figure>
        <Figure
          name="failed"
          href={failedLink("1h", {})}
          value={grouped(failedLastHour)}
          bad={failedLastHour > 0}
        >
          in the last hour
        </Figure>
      </ul>
      <ul class="counts" aria-label="All tasks by state">
        {TASK_STATES.map((state) => (
          <li>
            <a href={`/ui/tasks?state=${state}`}>
              <strong>{grouped(counts[state])}</strong> <Badge word={state} />
            </a>
          </li>
        ))}
      </ul>
    </>
  );
}

function Figure(
  { name, href, value, bad, children }: {
    readonly name: string;
    readonly href: string;
    readonly value: string;
    readonly bad?: boolean;
    readonly children?: Child;
  },
) {
  return (
    <li>
      <a href={href} class={bad ? "bad" : undefined}>
        <span class="name">{name}</span>
        <strong>{value}</strong>
        <small>{children}</small>
      </a>
    </li>
  );
}

function Figures(overview: Overview) {
  const { counters, shown: { total } } = overview;
  const types = Object.values(tallyAt(total, "types")) as Tally[];
  const accepted = types.reduce((sum, type) => sum + countAt(type, "accepted"), 0);
  const [succeeded, failed] = [endedAs(total, "succeeded"), endedAs(total, "failed")];
  const ended = endedAs(total, "cancelled") + endedAs(total, "expired");
  const rates = counters.rates();
  return (
    <dl class="facts">
      <Fact name="Succeeded">{grouped(succeeded)}</Fact>
      <Fact name="Failed">{`${grouped(failed)} (${percent(failed, succeeded + failed)})`}</Fact>
      <Fact name="Cancelled or expired">{grouped(ended)}</Fact>
      <Fact name="Accepted by request">{grouped(accepted)}</Fact>
      <Fact name="Now">{`${rates.accepted} accepted, ${rates.settled} finished per second`}</Fact>
      <Fact name="Due tasks">{trendOf(overview)}</Fact>
      <Fact name="Latency from end to end">
        <QuantileList of={quantilesOf(endToEnd(total))} />
      </Fact>
      <Fact name="Latency of an accept">
        <QuantileList of={quantilesOf(tallyAt(total, "accept"))} />
      </Fact>
    </dl>
  );
}

function System({ worker, pauses, held, engine, disk, startedAt, now }: Overview) {
  return (
    <dl class="facts">
      <Fact name="Engine">
        {`${engine.name}, survives ${SURVIVES[engine.durability] ?? "a restart"}`}
      </Fact>
      <Fact name="Queue file">
        {disk && `${bytes(disk.fileBytes)}, log ${bytes(disk.logBytes)}`}
      </Fact>
      <Fact name="Free disk">{disk?.freeBytes === undefined ? null : bytes(disk.freeBytes)}</Fact>
      <Fact name="Running attempts">{`${worker.running} of ${grouped(worker.concurrency)}`}</Fact>
      <Fact name="Threads">{threads(worker)}</Fact>
      <Fact name="Pauses">{pauses === 0 ? "none" : <a href="/ui/lanes#pauses">{pauses}</a>}</Fact>
      <Fact name="Held hosts and relays">
        {held.length === 0 ? "none" : <a href="/ui/lanes">{held.length}</a>}
      </Fact>
      <Fact name="Uptime">{duration(now - startedAt)}</Fact>
    </dl>
  );
}

/** Whether the due tasks become fewer, and how long that takes if it goes on. */
function trendOf({ queued: { due }, counters, dueBefore }: Overview): string {
  if (due === 0) return "none wait";
  if (dueBefore === undefined) {
    const { settled } = counters.rates();
    return settled === 0
      ? "none ended in the last minute"
      : `done in ${duration(due / settled * 1_000)} at this rate`;
  }
  const fewer = dueBefore - due;
  if (fewer === 0) return `as many as ${TREND_MIN} min ago`;
  if (fewer < 0) return `growing: ${grouped(-fewer)} more than ${TREND_MIN} min ago`;
  const left = duration(due / fewer * TREND_MIN * 60_000);
  return `shrinking: ${grouped(fewer)} fewer than ${TREND_MIN} min ago, done in ${left}`;
}

const SURVIVES: Readonly<Record<string, string>> = {
  memory: "nothing",
  disk: "a power cut",
  replicated: "the loss of a server",
};

function threads({ threads, lost }: WorkerStatus): string {
  return lost.length === 0 ? `${threads.length}` : `${threads.length}, ${lost.length} lost`;
}

function Nodes({ nodes, now, shown, period }: Overview) {
  return (
    <table id="nodes" class="dense">
      <caption>Nodes, {period.name}</caption>
      <thead>
        <tr>
          <th scope="col">Name</th>
          <th scope="col">Role</th>
          <th scope="col" class="minor">Version</th>
          <th scope="col" class="number">Running</th>
          <th scope="col" class="wide">Over time</th>
          <th scope="col" class="number">Attempts</th>
          <th scope="col" class="number">Not delivered</th>
          <th scope="col" class="number">p95</th>
          <th scope="col" class="minor">Joined</th>
          <th scope="col">Seen</th>
        </tr>
      </thead>
      <tbody>
        {nodes.map(({ name, role, version, running, concurrency, since, seen }) => {
          const counts = tallyAt(shown.total, "nodes", name);
          const attempts = countAt(counts, "attempts");
          const { p95 } = quantilesOf(tallyAt(counts, "ms"));
          return (
            <tr>
              <td data-name="Name" class="what">{name}</td>
              <td data-name="Role">{role}</td>
              <td data-name="Version" class="minor">{version}</td>
              <td data-name="Running" class="number">{`${running} of ${grouped(concurrency)}`}</td>
              <td data-name="Over time" class="wide">
                <Sparkline
                  steps={shown.steps}
                  path={["nodes", name]}
                  all={["attempts"]}
                  bad=""
                />
              </td>
              <td data-name="Attempts" class="number">{grouped(attempts)}</td>
              <td data-name="Not delivered" class="number">
                {percent(attempts - countAt(counts, "delivered"), attempts)}
              </td>
              <td data-name="p95" class="number">{p95 === undefined ? "–" : duration(p95)}</td>
              <td data-name="Joined" class="minor">
                <Moment at={since} now={now} />
              </td>
              <td data-name="Seen">
                <Moment at={seen} now={now} />
              </td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}
