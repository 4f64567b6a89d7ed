// deno-lint-ignore-file jsx-key -- rendered once, on the server: a key would appear in the HTML
/**
 * The schedules: when each runs next, and what its last run created.
 *
 * @module
 */

import { whenView } from "../../schedules/schedule.ts";
import { recordOf } from "../../schedules/schedule_record.ts";
import type { StoredSchedule } from "../../task/trigger.ts";
import { Action, Badge, Moment } from "./components.tsx";

/** The content of the page. */
export function SchedulesContent(
  { schedules, now, operates }: {
    readonly schedules: readonly StoredSchedule[];
    readonly now: number;
    readonly operates: boolean;
  },
) {
  return (
    <section id="schedules" data-live aria-label="Schedules, by name">
      {schedules.length === 0
        ? (
          <p>
            No schedules. Create one with <code>PUT /schedules/NAME</code> or in{" "}
            <code>postrider.yaml</code>.
          </p>
        )
        : (
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
              {schedules.map((kept) => <Row kept={kept} now={now} operates={operates} />)}
            </tbody>
          </table>
        )}
    </section>
  );
}

function Row({ kept, now, operates }: { kept: StoredSchedule; now: number; operates: boolean }) {
  const { spec, source, paused, nextAt, lastAt, lastId, runs, skipped, error } = recordOf(kept);
  const when = Object.entries(whenView(spec)).map(([name, value]) => `${name} ${value}`).join(", ");
  const path = lastId?.startsWith("bat") ? "batches" : "tasks";
  return (
    <tr>
      <td data-name="Name" class="what">
        {kept.name}{" "}
        <small>{spec.type}, defined by {source === "file" ? "the file" : "the API"}</small>
        {error === undefined ? null : <small class="error">{error}</small>}
      </td>
      <td data-name="When">
        <code>{when}</code>
      </td>
      <td data-name="Next">
        {paused ? <Badge word="paused" /> : <Moment at={nextAt} now={now} />}
      </td>
      <td data-name="Last">
        {lastId === undefined ? "never" : (
          <a href={`/ui/${path}/${lastId}`}>
            <Moment at={lastAt} now={now} />
          </a>
        )}
      </td>
      <td data-name="Runs">{skipped > 0 ? `${runs}, ${skipped} skipped` : runs}</td>
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
