/**
 * The overview page.
 *
 * @module
 */

import type { LaneStatus, NodeStatus, QueuedKinds } from "../../queue/engine.ts";
import type { WorkerStatus } from "../../task/ports.ts";
import { type Counts, TASK_STATES } from "../../task/state.ts";
import type { TaskSummary } from "../../task/task.ts";
import type { Series } from "../stats/history.ts";
import type { Quantiles, WindowCounters } from "../stats/window_counters.ts";
import type { Concern } from "./health.ts";
import { Badge, duration, Fact, grouped, Moment, TaskTable } from "./components.tsx";

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
  /** Throughput of the last hour. */
  readonly series: Series;
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
  readonly engine: { readonly name: string; readonly durable: boolean };
  /** The nodes that share the queue; none where the engine serves one process. */
  readonly nodes: readonly NodeStatus[];
  /** What is not well. */
  readonly concerns: readonly Concern[];
  /** Start of the service, in milliseconds since the epoch. */
  readonly startedAt: number;
}

/** The content of the overview. */
export function OverviewContent(props: Overview) {
  const { counts, failed, latest, now, series } = props;
  const rate = (values: readonly number[]) => values.at(-2) ?? 0;
  const said =
    `Tasks per second over the last hour; currently ${rate(series.accepted)} accepted, ` +
    `${rate(series.succeeded)} succeeded, ${rate(series.failed)} not`;
  return (
    <>
      <section id="health" data-live aria-label="Health">
        <Health concerns={props.concerns} />
      </section>
      <section id="counts" data-live aria-label="Tasks by state">
        {props.engine.durable
          ? null
          : <p class="notice">Tasks are kept in memory: they are lost when the process ends.</p>}
        <ul class="counts">
          {TASK_STATES.map((state) => (
            <li>
              <a href={`/ui/tasks?state=${state}`}>
                <strong>{grouped(counts[state])}</strong> <Badge word={state} />
              </a>
            </li>
          ))}
        </ul>
      </section>
      <section aria-label="The last hour">
        <div
          id="chart"
          class="chart"
          role="img"
          aria-label={said}
          data-live
          data-series={JSON.stringify(series)}
        >
        </div>
      </section>
      <section id="figures" data-live aria-label="Figures">
        <Figures {...props} />
      </section>
      {props.nodes.length === 0 ? null : (
        <section id="nodes" data-live>
          <h2>Nodes</h2>
          <Nodes nodes={props.nodes} now={now} />
        </section>
      )}
      <section id="failed" data-live>
        <h2>Recent failures</h2>
        {failed.length === 0 ? <p>No task has failed.</p> : <TaskTable tasks={failed} now={now} />}
      </section>
      <section id="latest" data-live>
        <h2>Recently accepted</h2>
        {latest.length === 0
          ? (
            <p>
              No tasks yet: <a href="/ui/send">send one</a>.
            </p>
          )
          : <TaskTable tasks={latest} now={now} />}
      </section>
    </>
  );
}

function Nodes({ nodes, now }: { nodes: readonly NodeStatus[]; now: number }) {
  return (
    <table>
      <thead>
        <tr>
          <th scope="col">Name</th>
          <th scope="col">Role</th>
          <th scope="col">Version</th>
          <th scope="col">Running</th>
          <th scope="col">Joined</th>
          <th scope="col">Seen</th>
        </tr>
      </thead>
      <tbody>
        {nodes.map(({ name, role, version, running, concurrency, since, seen }) => (
          <tr>
            <td data-name="Name" class="what">{name}</td>
            <td data-name="Role">{role}</td>
            <td data-name="Version">{version}</td>
            <td data-name="Running">{`${running} of ${grouped(concurrency)}`}</td>
            <td data-name="Joined">
              <Moment at={since} now={now} />
            </td>
            <td data-name="Seen">
              <Moment at={seen} now={now} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
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

function Figures(
  { counters, worker, queued, pauses, held, engine, startedAt, now }: Overview,
) {
  const { accepted, settled } = counters.rates();
  const { accept, finish } = counters.latency();
  return (
    <dl class="facts">
      <Fact name="Accepted">{`${accepted} per second`}</Fact>
      <Fact name="Finished">{`${settled} per second`}</Fact>
      <Fact name="Accept latency p50 · p95 · p99">{quantiles(accept)}</Fact>
      <Fact name="End-to-end latency p50 · p95 · p99">{quantiles(finish)}</Fact>
      <Fact name="Running attempts">{`${worker.running} of ${grouped(worker.concurrency)}`}</Fact>
      <Fact name="Threads">{threads(worker)}</Fact>
      <Fact name="Queued due · scheduled · retrying · paused">
        {[queued.due, queued.scheduled, queued.retrying, queued.paused].map(grouped).join(" · ")}
      </Fact>
      <Fact name="Oldest due task">
        {queued.oldestDueAt === undefined ? "none" : duration(now - queued.oldestDueAt)}
      </Fact>
      <Fact name="Pauses">{pauses === 0 ? "none" : <a href="/ui/lanes#pauses">{pauses}</a>}</Fact>
      <Fact name="Held hosts and relays">
        {held.length === 0 ? "none" : <a href="/ui/lanes">{held.length}</a>}
      </Fact>
      <Fact name="Engine">{engine.name}</Fact>
      <Fact name="Uptime">{duration(now - startedAt)}</Fact>
    </dl>
  );
}

function threads({ threads, lost }: WorkerStatus): string {
  return lost.length === 0 ? `${threads.length}` : `${threads.length}, ${lost.length} lost`;
}

function quantiles({ p50, p95, p99 }: Quantiles): string {
  if (p50 === undefined) return "–";
  return [p50, p95 ?? p50, p99 ?? p50].map(duration).join(" · ");
}
