/**
 * Hosts and relays: how they answer, their limits and holds, and the pauses.
 *
 * @module
 */

import type { Child } from "hono/jsx";
import { laneIsOfHost, type LaneStatus, type Pause } from "../../../queue/engine.ts";
import type { Shown } from "../../stats/history.ts";
import { percent } from "../charts.tsx";
import { Action, Badge, duration, grouped, Moment } from "../components.tsx";
import { failedLink, type HostCounts, HostLink, HostSparkline } from "./rollups.tsx";
import { type LookBack, WindowSwitch } from "../windows.tsx";

/** A host or relay, and what was counted of it. */
export interface ShownLane {
  /** What was counted. */
  readonly counts: HostCounts;
  /** Its limit, hold and running attempts. */
  readonly status?: LaneStatus | undefined;
}

/** What is shown. */
export interface LanesProps {
  /** The pauses in force. */
  readonly pauses: readonly Pause[];
  /** Those that fail most come first. */
  readonly hosts: readonly ShownLane[];
  /** The same for relays and chat services. */
  readonly relays: readonly ShownLane[];
  /** Whether the caller may pause and release. */
  readonly operates: boolean;
  /** How far the page looks back. */
  readonly period: LookBack;
  /** The history of that time. */
  readonly shown: Shown;
  /** The moment, in milliseconds since the epoch. */
  readonly now: number;
}

/** The content of the page. */
export function LanesContent(props: LanesProps) {
  const { pauses, hosts, relays, operates, period, now } = props;
  return (
    <>
      <div class="heading">
        <SinceForm period={period} />
        <WindowSwitch path="/ui/lanes" now={period} />
      </div>
      <section id="hosts" data-live>
        <h2>Hosts, {period.name}</h2>
        <Lanes lanes={hosts} {...props} />
      </section>
      <section id="relays" data-live>
        <h2>Relays and chat services, {period.name}</h2>
        <Lanes lanes={relays} {...props} />
      </section>
      <section id="pauses" data-live>
        <h2>Pauses</h2>
        <Pauses pauses={pauses} operates={operates} now={now} />
        {operates
          ? (
            <p class="row">
              <PauseButton what={{ all: true }} of="everything">Pause everything</PauseButton>
              <PauseButton what={{ type: "notify" }} of="all notifications">
                Pause notifications
              </PauseButton>
              <PauseButton what={{ type: "fetch" }} of="all requests">Pause requests</PauseButton>
            </p>
          )
          : null}
      </section>
    </>
  );
}

/** A clock time is in the reader's time zone: the script adds the date and the zone. */
function SinceForm({ period }: { period: LookBack }) {
  return (
    <form class="row" action="/ui/lanes" data-clock="since">
      <label>
        <span>Since (a clock time such as 12:00, or 6h)</span>
        <input name="since" value={period.since} size={24} required />
      </label>
      <button type="submit">Show</button>
    </form>
  );
}

function PauseButton(
  { what, of, children }: {
    readonly what: Readonly<Record<string, string | true>>;
    readonly of: string;
    readonly children?: Child;
  },
) {
  return (
    <Action
      call="POST /pauses"
      body={what}
      confirm={`Pause ${of}? Tasks are accepted, but none begins until you resume.`}
      done="Paused"
    >
      {children}
    </Action>
  );
}

function Pauses(
  { pauses, operates, now }: { pauses: readonly Pause[]; operates: boolean; now: number },
) {
  if (pauses.length === 0) return <p class="empty">Nothing is paused.</p>;
  return (
    <table>
      <thead>
        <tr>
          <th scope="col">What</th>
          <th scope="col">By</th>
          <th scope="col">Began</th>
          <th scope="col">Until</th>
          <th scope="col">Reason</th>
          <th scope="col">Action</th>
        </tr>
      </thead>
      <tbody>
        {pauses.map((pause) => (
          <tr>
            <td data-name="What" class="what">{targetOf(pause)}</td>
            <td data-name="By">{pause.by}</td>
            <td data-name="Began">
              <Moment at={pause.createdAt} now={now} />
            </td>
            <td data-name="Until">
              {pause.until === undefined ? "it is resumed" : <Moment at={pause.until} now={now} />}
            </td>
            <td data-name="Reason">{pause.reason ?? ""}</td>
            <td data-name="Action">
              {operates
                ? <Action call={`DELETE /pauses/${pause.id}`} done="Resumed">Resume</Action>
                : null}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function targetOf({ host, key, owner, type, channel }: Pause): string {
  if (host !== undefined) return `host ${host}`;
  if (key !== undefined) return owner === undefined ? `key ${key}` : `key ${key} of ${owner}`;
  if (type !== undefined) return `type ${type}`;
  return channel === undefined ? "everything" : `channel ${channel}`;
}

function Lanes(
  { lanes, pauses, operates, period, shown, now }: LanesProps & {
    readonly lanes: readonly ShownLane[];
  },
) {
  if (lanes.length === 0) {
    return <p class="empty">No attempt ran or ended, and none is held back.</p>;
  }
  return (
    <table class="dense">
      <thead>
        <tr>
          <th scope="col">Target</th>
          <th scope="col">State</th>
          <th scope="col" class="number minor">Running</th>
          <th scope="col" class="wide">Over time</th>
          <th scope="col" class="number minor">Attempts</th>
          <th scope="col" class="number">Not delivered</th>
          <th scope="col" class="number">Failed tasks</th>
          <th scope="col" class="number minor">p95</th>
          {operates ? <th scope="col">Actions</th> : null}
        </tr>
      </thead>
      <tbody>
        {lanes.map(({ counts: { lane, attempts, failed, bad, p95 }, status }) => {
          const pause = pauses.find(({ host }) => host !== undefined && laneIsOfHost(lane, host));
          const isHeld = (status?.heldUntil ?? 0) > now;
          return (
            <tr>
              <td data-name="Target" class="what">
                <HostLink lane={lane} href={`/ui/tasks?${new URLSearchParams({ host: lane })}`} />
              </td>
              <td data-name="State" class="state">
                {pause
                  ? (
                    <>
                      <Badge word="paused" />
                      <small>
                        by {pause.by}
                        {pause.reason === undefined ? "" : `: ${pause.reason}`}
                      </small>
                    </>
                  )
                  : isHeld && status
                  ? <Hold status={status} now={now} />
                  : <Badge word={status?.running ? "running" : "idle"} />}
              </td>
              <td data-name="Running" class="number minor">{runningText(status)}</td>
              <td data-name="Over time" class="wide">
                <HostSparkline shown={shown} lane={lane} />
              </td>
              <td data-name="Attempts" class="number minor">{grouped(attempts)}</td>
              <td data-name="Not delivered" class="number">{percent(bad, attempts)}</td>
              <td data-name="Failed tasks" class="number">
                {failed === 0
                  ? 0
                  : <a href={failedLink(period.since, { host: lane })}>{grouped(failed)}</a>}
              </td>
              <td data-name="p95" class="number minor">
                {p95 === undefined ? "–" : duration(p95)}
              </td>
              {operates
                ? (
                  <td data-name="Actions" class="actions">
                    {lane === "" ? null : <LaneActions lane={lane} pause={pause} isHeld={isHeld} />}
                  </td>
                )
                : null}
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}

function Hold({ status: { heldUntil, reason = "" }, now }: { status: LaneStatus; now: number }) {
  const isBreaker = reason.startsWith("breaker");
  return (
    <>
      <Badge word={isBreaker ? "breaker_open" : "held"} /> <Moment at={heldUntil} now={now} />
      <small>{reason.replace(/^breaker: /, "")}</small>
    </>
  );
}

function runningText(status: LaneStatus | undefined): string {
  return status ? `${status.running} of ${status.limit}` : "0";
}

function LaneActions(
  { lane, pause, isHeld }: { lane: string; pause: Pause | undefined; isHeld: boolean },
) {
  return (
    <>
      {isHeld
        ? (
          <Action
            call={`POST /holds/release?${new URLSearchParams({ host: lane })}`}
            done="Released"
          >
            Release
          </Action>
        )
        : null}
      {pause
        ? <Action call={`DELETE /pauses/${pause.id}`} done="Resumed">Resume</Action>
        : <PauseButton what={{ host: lane }} of={lane}>Pause</PauseButton>}
    </>
  );
}
