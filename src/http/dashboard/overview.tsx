/**
 * How things stand, at a glance.
 *
 * @module
 */

import type { LaneStatus } from "../../queue/engine.ts";
import type { WorkerStatus } from "../../task/ports.ts";
import { type Counts, TASK_STATES } from "../../task/state.ts";
import type { TaskSummary } from "../../task/task.ts";
import type { Series } from "../stats/history.ts";
import type { Quantiles, WindowCounters } from "../stats/window_counters.ts";
import { Badge, duration, Fact, grouped, TaskTable } from "./components.tsx";

/** What is shown. */
export interface Overview {
  /** The moment, in milliseconds since the epoch. */
  readonly now: number;
  /** How many tasks stand where. */
  readonly counts: Counts;
  /** The last hour. */
  readonly series: Series;
  /** Rates and latencies. */
  readonly counters: WindowCounters;
  /** How the worker is. */
  readonly worker: WorkerStatus;
  /** What is held. */
  readonly held: readonly LaneStatus[];
  /** Those that failed last. */
  readonly failed: readonly TaskSummary[];
  /** Those that were accepted last. */
  readonly latest: readonly TaskSummary[];
  /** The engine, and whether it outlives the process. */
  readonly engine: { readonly name: string; readonly durable: boolean };
  /** Whether submits are taken. */
  readonly accepting: boolean;
  /** Since when, in milliseconds since the epoch. */
  readonly startedAt: number;
}

/** The content of the overview. */
export function OverviewContent(props: Overview) {
  const { counts, failed, latest, now, series } = props;
  const rate = (values: readonly number[]) => values.at(-2) ?? 0;
  const said = `Tasks a second over the last hour; just now ${rate(series.accepted)} accepted, ` +
    `${rate(series.succeeded)} succeeded, ${rate(series.failed)} not`;
  return (
    <>
      <section id="counts" data-live aria-label="Tasks by state">
        {props.accepting
          ? null
          : <p class="notice">Nothing is accepted: the service is stopping.</p>}
        {props.engine.durable
          ? null
          : <p class="notice">Tasks are kept in memory: they end with the process.</p>}
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
      <section id="failed" data-live>
        <h2>Failed last</h2>
        {failed.length === 0 ? <p>Nothing has failed.</p> : <TaskTable tasks={failed} now={now} />}
      </section>
      <section id="latest" data-live>
        <h2>Accepted last</h2>
        {latest.length === 0
          ? (
            <p>
              Nothing yet: <a href="/ui/send">send something</a>.
            </p>
          )
          : <TaskTable tasks={latest} now={now} />}
      </section>
    </>
  );
}

function Figures({ counters, worker, held, engine, startedAt, now }: Overview) {
  const { accepted, settled } = counters.rates();
  const { accept, finish } = counters.latency();
  return (
    <dl class="facts">
      <Fact name="Accepted">{`${accepted} a second`}</Fact>
      <Fact name="Finished">{`${settled} a second`}</Fact>
      <Fact name="To accept">{quantiles(accept)}</Fact>
      <Fact name="From there to the end">{quantiles(finish)}</Fact>
      <Fact name="Attempts">{`${worker.running} of at most ${grouped(worker.concurrency)}`}</Fact>
      <Fact name="Threads">{threads(worker)}</Fact>
      <Fact name="Held">
        {held.length === 0 ? "nothing" : <a href="/ui/lanes">{held.length}</a>}
      </Fact>
      <Fact name="Kept in">{engine.name}</Fact>
      <Fact name="Up for">{duration(now - startedAt)}</Fact>
    </dl>
  );
}

function threads({ threads, lost }: WorkerStatus): string {
  return lost.length === 0 ? `${threads.length}` : `${threads.length}, ${lost.length} lost`;
}

/** Half are faster than the first, 95 of 100 than the second, 99 than the third. */
function quantiles({ p50, p95, p99 }: Quantiles): string {
  if (p50 === undefined) return "–";
  return [p50, p95 ?? p50, p99 ?? p50].map(duration).join(" · ");
}
