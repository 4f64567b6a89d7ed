/**
 * Hosts and relays with their running attempts, limits and holds.
 *
 * @module
 */

import type { LaneStatus, Pause } from "../../queue/engine.ts";
import { Action, FilterLink, Moment } from "./components.tsx";

/** The content of the page. */
export function LanesContent(
  { pauses, hosts, relays, operates, now }: {
    readonly pauses: readonly Pause[];
    readonly hosts: readonly LaneStatus[];
    readonly relays: readonly LaneStatus[];
    /** Whether the caller may end pauses. */
    readonly operates: boolean;
    readonly now: number;
  },
) {
  return (
    <>
      <section id="pauses" data-live>
        <h2>Pauses</h2>
        <Pauses pauses={pauses} operates={operates} now={now} />
      </section>
      <section id="hosts" data-live>
        <h2>Hosts</h2>
        <Lanes lanes={hosts} now={now} />
      </section>
      <section id="relays" data-live>
        <h2>Relays</h2>
        <Lanes lanes={relays} now={now} />
      </section>
    </>
  );
}

function Pauses(
  { pauses, operates, now }: { pauses: readonly Pause[]; operates: boolean; now: number },
) {
  if (pauses.length === 0) return <p>Nothing is paused.</p>;
  return (
    <table>
      <thead>
        <tr>
          <th scope="col">What</th>
          <th scope="col">By</th>
          <th scope="col">Until</th>
          <th scope="col">Reason</th>
          <th scope="col">
            Action
          </th>
        </tr>
      </thead>
      <tbody>
        {pauses.map((pause) => (
          <tr>
            <td data-name="What" class="what">{targetOf(pause)}</td>
            <td data-name="By">{pause.by}</td>
            <td data-name="Until">
              {pause.until === undefined ? "ended by hand" : <Moment at={pause.until} now={now} />}
            </td>
            <td data-name="Reason">{pause.reason ?? ""}</td>
            <td>
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

function Lanes({ lanes, now }: { lanes: readonly LaneStatus[]; now: number }) {
  if (lanes.length === 0) return <p>None has running attempts or a hold.</p>;
  return (
    <table>
      <thead>
        <tr>
          <th scope="col">Target</th>
          <th scope="col">Running</th>
          <th scope="col">Held</th>
          <th scope="col">Reason</th>
        </tr>
      </thead>
      <tbody>
        {lanes.map(({ lane, running, limit, heldUntil, reason }) => (
          <tr>
            <td data-name="Target" class="what">
              <FilterLink by="host" value={lane} />
            </td>
            <td data-name="Running">{running} of {limit}</td>
            <td data-name="Held">
              {heldUntil !== undefined && heldUntil > now
                ? (
                  <>
                    until <Moment at={heldUntil} now={now} />
                  </>
                )
                : "no"}
            </td>
            <td data-name="Reason">{reason ?? ""}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
