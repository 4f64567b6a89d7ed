/**
 * Hosts and relays with their running attempts, limits and holds.
 *
 * @module
 */

import type { LaneStatus } from "../../queue/engine.ts";
import { FilterLink, Moment } from "./components.tsx";

/** The content of the page. */
export function LanesContent(
  { hosts, relays, now }: {
    readonly hosts: readonly LaneStatus[];
    readonly relays: readonly LaneStatus[];
    readonly now: number;
  },
) {
  return (
    <>
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
