/**
 * The schedules: when each runs next, and what its last run created.
 *
 * @module
 */

import { cronWords } from "../../../schedules/cron_words.ts";
import { nextTicks, type ScheduleSpec } from "../../../schedules/schedule.ts";
import type { ScheduleRecord } from "../../../schedules/schedule_record.ts";
import type { Schedule } from "../../../schedules/scheduler.ts";
import type { TaskState } from "../../../task/state.ts";
import { formatDuration } from "../../../lib/duration.ts";
import { timeView } from "../../views/time_view.ts";
import { Action, Badge, Fact, FilterLink, Moment } from "../components.tsx";
import { ScheduleForm } from "./schedule_form.tsx";

const NEXT_TIMES = 5;

/** The content of the page. */
export function SchedulesContent(
  { schedules, states, now, operates, creates }: {
    readonly schedules: readonly Schedule[];
    /** The state of the last run of each, as far as it is known. */
    readonly states: readonly (TaskState | undefined)[];
    readonly now: number;
    readonly operates: boolean;
    /** Whether the caller may submit anything. */
    readonly creates: boolean;
  },
) {
  return (
    <>
      {creates
        ? (
          <p>
            <a class="button" href="/ui/schedules/new">New schedule</a>
          </p>
        )
        : null}
      <section id="schedules" data-live aria-label="Schedules, by name">
        {schedules.length === 0
          ? (
            <p class="empty">
              No schedules. Create one here, with <code>PUT /schedules/NAME</code>, or in{" "}
              <code>postrider.yaml</code>.
            </p>
          )
          : (
            <div class="wide">
              <table>
                <thead>
                  <tr>
                    <th scope="col">Name</th>
                    <th scope="col">When</th>
                    <th scope="col">Next</th>
                    <th scope="col">Last</th>
                    <th scope="col">Runs</th>
                    {operates ? <th scope="col">Actions</th> : null}
                  </tr>
                </thead>
                <tbody>
                  {schedules.map((kept, index) => (
                    <Row kept={kept} state={states[index]} now={now} operates={operates} />
                  ))}
                </tbody>
              </table>
            </div>
          )}
      </section>
    </>
  );
}

function Row(
  { kept, state, now, operates }: {
    readonly kept: Schedule;
    readonly state: TaskState | undefined;
    readonly now: number;
    readonly operates: boolean;
  },
) {
  const { spec, source, paused, lastAt, lastId, runs, skipped, error } = kept.record;
  return (
    <tr>
      <td data-name="Name" class="what">
        <a href={`/ui/schedules/${encodeURIComponent(kept.name)}`}>{kept.name}</a>
        <small>{spec.type}, defined by {source === "file" ? "the file" : "the API"}</small>
        {error === undefined ? null : <small class="error">{error}</small>}
      </td>
      <td data-name="When">
        <When spec={spec} />
      </td>
      <td data-name="Next">
        <NextTimes record={kept.record} now={now} />
      </td>
      <td data-name="Last">
        {lastId === undefined ? "never" : (
          <>
            <a href={pageOfRun(lastId)}>
              <Moment at={lastAt} now={now} />
            </a>
            {state === undefined ? null : (
              <small>
                <Badge word={state} />
              </small>
            )}
          </>
        )}
      </td>
      <td data-name="Runs">
        <a href={`/ui/tasks?source=${encodeURIComponent(`schedule:${kept.name}`)}`}>{runs}</a>
        {skipped > 0 ? `, ${skipped} skipped` : null}
      </td>
      {operates
        ? (
          <td data-name="Actions">
            <Actions name={kept.name} paused={paused === true} isFile={source === "file"} />
          </td>
        )
        : null}
    </tr>
  );
}

/** A cron in words and as it is written, with its zone; or an interval. */
function When({ spec: { cron, timezone, everyMs } }: { spec: ScheduleSpec }) {
  if (cron === undefined) return <>every {formatDuration(everyMs ?? 0)}</>;
  return (
    <>
      {cronWords(cron) ?? "By cron"}
      <small>
        <code>{cron}</code> {timezone}
      </small>
    </>
  );
}

/** The next run, and the four after it. */
function NextTimes({ record, now }: { record: ScheduleRecord; now: number }) {
  if (record.paused) return <Badge word="paused" />;
  const [first, second, ...further] = nextTimesOf(record);
  if (first === undefined) return <Badge word="over" />;
  return (
    <>
      <Moment at={first} now={now} />
      {second === undefined ? null : (
        <small>
          then <Moment at={second} now={now} />
          {further.map((at) => (
            <>
              , <Moment at={at} now={now} />
            </>
          ))}
        </small>
      )}
    </>
  );
}

/** The next five times. */
function nextTimesOf({ spec, createdAt, nextAt }: ScheduleRecord): number[] {
  return nextAt === undefined
    ? []
    : [nextAt, ...nextTicks(spec, nextAt, createdAt, NEXT_TIMES - 1)];
}

function Actions({ name, paused, isFile }: { name: string; paused: boolean; isFile: boolean }) {
  const path = `/schedules/${encodeURIComponent(name)}`;
  return (
    <div class="row">
      <Action call={`POST ${path}/run`} done="Running">Run now</Action>
      {paused
        ? (
          <Action call={`POST ${path}/resume`} done="Resumed" undo={`POST ${path}/pause`}>
            Resume
          </Action>
        )
        : (
          <Action call={`POST ${path}/pause`} done="Paused" undo={`POST ${path}/resume`}>
            Pause
          </Action>
        )}
      {isFile ? null : (
        <Action
          call={`DELETE ${path}`}
          confirm={`Delete the schedule ${name}? This cannot be undone.`}
          done="Deleted"
          danger
        >
          Delete
        </Action>
      )}
    </div>
  );
}

/** A run, with the state of what it created; without one, that was deleted. */
export interface ShownRun {
  /** The task or batch. */
  readonly id: string;
  /** Its time, in milliseconds since the epoch. */
  readonly at: number;
  /** The state of the task; of a batch, its worst final state. */
  readonly state: TaskState | undefined;
}

/** The content of the page of one schedule. */
export function ScheduleContent(
  { kept, runs, definition, now, operates, zones }: {
    readonly kept: Schedule;
    /** Its latest runs, newest first. */
    readonly runs: readonly ShownRun[];
    /** Its definition with secrets masked. */
    readonly definition: Readonly<Record<string, unknown>>;
    readonly now: number;
    /** Whether the caller may change it. */
    readonly operates: boolean;
    /** All time zones. */
    readonly zones: readonly string[];
  },
) {
  const { spec, source, owner, paused, createdAt, skipped, error, runs: count } = kept.record;
  const zone = spec.timezone ?? "UTC";
  const next = paused ? [] : nextTimesOf(kept.record);
  return (
    <>
      <section id="schedule" data-live aria-label="State">
        {paused ? <p class="notice">Paused: no run starts until it is resumed.</p> : null}
        {error === undefined ? null : <p class="error">The last run created no task: {error}</p>}
        {operates
          ? <Actions name={kept.name} paused={paused === true} isFile={source === "file"} />
          : null}
        <dl class="facts">
          <Fact name="When">
            <When spec={spec} />
          </Fact>
          <Fact name="Submits">{spec.type}</Fact>
          <Fact name="If the last run is not final">
            {spec.overlap === "skip" ? "the run is left out" : "it runs all the same"}
          </Fact>
          <Fact name="Missed while stopped">
            {spec.missed === "skip" ? "left out" : "one run at the start"}
          </Fact>
          <Fact name="Defined by">{source === "file" ? "postrider.yaml" : "the API"}</Fact>
          <Fact name="Owner">{owner}</Fact>
          <Fact name="Created">
            <Moment at={createdAt} now={now} />
          </Fact>
          <Fact name="Runs">{`${count}${skipped > 0 ? `, ${skipped} left out` : ""}`}</Fact>
          <Fact name="Tasks">
            <FilterLink by="source" value={`schedule:${kept.name}`} />
          </Fact>
        </dl>
        <h2>Next runs</h2>
        {next.length === 0
          ? <p>{paused ? "None while it is paused." : "None: it is over."}</p>
          : (
            <table class="narrow">
              <thead>
                <tr>
                  <th scope="col">In {zone}</th>
                  <th scope="col">Your time</th>
                  <th scope="col">Begins</th>
                </tr>
              </thead>
              <tbody>
                {next.map((at) => (
                  <tr>
                    <td data-name={`In ${zone}`}>{inZone(at, zone)}</td>
                    <td data-name="Your time">
                      <time class="local" datetime={timeView(at)}>{timeView(at)}</time>
                    </td>
                    <td data-name="Begins">
                      <Moment at={at} now={now} />
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          )}
        <h2>Last runs</h2>
        {runs.length === 0 ? <p>None yet.</p> : (
          <table class="narrow">
            <thead>
              <tr>
                <th scope="col">Run</th>
                <th scope="col">State</th>
                <th scope="col">Began</th>
              </tr>
            </thead>
            <tbody>
              {runs.map(({ id, at, state }) => (
                <tr>
                  <td data-name="Run" class="what">
                    {state === undefined ? <>{id} (deleted)</> : <a href={pageOfRun(id)}>{id}</a>}
                  </td>
                  <td data-name="State">{state === undefined ? null : <Badge word={state} />}</td>
                  <td data-name="Began">
                    <Moment at={at} now={now} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
      </section>
      <section>
        <h2>Definition</h2>
        {operates && source === "api"
          ? <ScheduleForm name={kept.name} definition={definition} zones={zones} />
          : (
            <>
              {source === "file"
                ? <p>It is defined in postrider.yaml: change it there, and reload.</p>
                : null}
              <pre tabindex={0}><code>{JSON.stringify(definition, null, 2)}</code></pre>
            </>
          )}
      </section>
    </>
  );
}

function pageOfRun(id: string): string {
  return `/ui/${id.startsWith("bat") ? "batches" : "tasks"}/${id}`;
}

/** A time as a clock in that zone shows it. */
function inZone(at: number, timeZone: string): string {
  return new Date(at).toLocaleString("en-GB", {
    timeZone,
    weekday: "short",
    day: "numeric",
    month: "short",
    year: "numeric",
    hour: "2-digit",
    minute: "2-digit",
    timeZoneName: "short",
  });
}
