/**
 * Hosts and relays: how busy each is, what limits it, and why it is held.
 *
 * @module
 */

import type { LaneStatus } from "../../queue/engine.ts";
import { Found, Moment } from "./components.tsx";

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
  if (lanes.length === 0) return <p>None is busy or held.</p>;
  return (
    <table>
      <thead>
        <tr>
          <th scope="col">To</th>
          <th scope="col">At once</th>
          <th scope="col">Held</th>
          <th scope="col">Why</th>
        </tr>
      </thead>
      <tbody>
        {lanes.map(({ lane, running, limit, heldUntil, reason }) => (
          <tr>
            <td data-name="To" class="what">
              <Found by="host" value={lane} />
            </td>
            <td data-name="At once">{running} of {limit}</td>
            <td data-name="Held">
              {heldUntil !== undefined && heldUntil > now
                ? (
                  <>
                    until <Moment at={heldUntil} now={now} />
                  </>
                )
                : "no"}
            </td>
            <td data-name="Why">{reason ?? ""}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
