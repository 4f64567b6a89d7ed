// deno-lint-ignore-file jsx-key -- rendered once, on the server: a key would appear in the HTML
/**
 * The schedules: when each runs next, and what its last run created.
 *
 * @module
 */

import { nextTicks, whenView } from "../../schedules/schedule.ts";
import type { ScheduleRecord } from "../../schedules/schedule_record.ts";
import type { Schedule } from "../../schedules/scheduler.ts";
import { Action, Badge, Moment } from "./components.tsx";

/** The content of the page. */
export function SchedulesContent(
  { schedules, now, operates }: {
    readonly schedules: readonly Schedule[];
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

function Row({ kept, now, operates }: { kept: Schedule; now: number; operates: boolean }) {
  const { spec, source, paused, lastAt, lastId, runs, skipped, error } = kept.record;
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
        <NextTimes record={kept.record} now={now} />
      </td>
      <td data-name="Last">
        {lastId === undefined ? "never" : (
          <a href={`/ui/${path}/${lastId}`}>
            <Moment at={lastAt} now={now} />
          </a>
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

/** The next run, and the four after it. */
function NextTimes({ record, now }: { record: ScheduleRecord; now: number }) {
  const { spec, createdAt, paused, nextAt } = record;
  if (paused) return <Badge word="paused" />;
  if (nextAt === undefined) return <Badge word="over" />;
  const [second, ...further] = nextTicks(spec, nextAt, createdAt, 4);
  return (
    <>
      <Moment at={nextAt} now={now} />
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
