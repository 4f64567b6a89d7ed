/**
 * The batches and their progress.
 *
 * @module
 */

import type { BatchRecord } from "../../../task/batch.ts";
import type { TaskSummary } from "../../../task/task.ts";
import { Action, Bar, Fact, Moment, NextPage } from "../components.tsx";
import { TaskTable } from "./task_table.tsx";

/** The content of the list of batches. */
export function BatchesContent(
  { batches, nextCursor, now }: {
    readonly batches: readonly BatchRecord[];
    readonly nextCursor?: string | undefined;
    readonly now: number;
  },
) {
  return (
    <section id="batches" data-live aria-label="Batches, newest first">
      {batches.length === 0 ? <p>No batches.</p> : (
        <table>
          <thead>
            <tr>
              <th scope="col">Batch</th>
              <th scope="col">Progress</th>
              <th scope="col">Tasks</th>
              <th scope="col">Accepted</th>
            </tr>
          </thead>
          <tbody>
            {batches.map(({ id, counts, total, createdAt }) => (
              <tr>
                <td data-name="Batch" class="what">
                  <a href={`/ui/batches/${id}`}>{id}</a>
                </td>
                <td data-name="Progress">
                  <Bar counts={counts} total={total} />
                </td>
                <td data-name="Tasks">{total}</td>
                <td data-name="Accepted">
                  <Moment at={createdAt} now={now} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      <NextPage
        cursor={nextCursor}
        href={`/ui/batches?cursor=${nextCursor}`}
        name="Older batches"
      />
    </section>
  );
}

/** The content of a batch's page. */
export function BatchContent(
  { batch, tasks, now, operates }: {
    readonly batch: BatchRecord;
    readonly tasks: readonly TaskSummary[];
    readonly now: number;
    readonly operates: boolean;
  },
) {
  const { id, counts, total, done, createdAt, owner } = batch;
  return (
    <>
      <section id="batch" data-live aria-label="State">
        <Bar counts={counts} total={total} />
        <dl class="facts">
          <Fact name="Id">
            <code>{id}</code>
          </Fact>
          <Fact name="Tasks">{total}</Fact>
          <Fact name="Accepted">
            <Moment at={createdAt} now={now} />
          </Fact>
          <Fact name="Owner">{owner}</Fact>
        </dl>
        <p class="row">
          {operates && !done
            ? (
              <Action
                call={`DELETE /batches/${id}`}
                confirm="Cancel every task of this batch that is not final?"
                done="Cancelled"
                undo={`POST /tasks/retry?batch=${id}&reason=batch`}
                danger
              >
                Cancel the rest
              </Action>
            )
            : null}
          {operates && counts.failed + counts.cancelled + counts.expired > 0
            ? (
              <Action call={`POST /tasks/retry?batch=${id}`} done="Queued again">
                Retry failed, cancelled and expired tasks
              </Action>
            )
            : null}
          <a href={`/batches/${id}/results`}>Results as NDJSON</a>
        </p>
      </section>
      <section id="members" data-live>
        <h2>Tasks</h2>
        <TaskTable tasks={tasks} now={now} />
        <p>
          <a href={`/ui/tasks?batch=${id}`}>All tasks of this batch</a>
        </p>
      </section>
    </>
  );
}
