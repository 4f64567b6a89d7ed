/**
 * A table of tasks.
 *
 * @module
 */

import type { Child } from "hono/jsx";
import type { TaskSummary } from "../../../task/task.ts";
import { hostOf } from "../../views/task_view.ts";
import { Badge, FilterLink, Moment } from "../components.tsx";
import { type Column, COLUMNS, DEFAULT_VIEW, type TableView } from "../table_view.ts";

/** When the attempt of a task began, in milliseconds since the epoch, as far as that is known. */
export type StartedAtOf = (id: string) => number | undefined;

/** Rows of a long table that are painted first. */
const FIRST_ROWS = 10;
/** A table with fewer rows is painted at once. */
const LONG_ROWS = 20;

/** A table of tasks. */
export function TaskTable(
  { tasks, now, select, view = DEFAULT_VIEW, startedAtOf = () => undefined }: {
    readonly tasks: readonly TaskSummary[];
    readonly now: number;
    readonly select?: boolean;
    readonly view?: TableView;
    readonly startedAtOf?: StartedAtOf;
  },
) {
  const first = tasks.length < LONG_ROWS ? tasks.length : FIRST_ROWS;
  const row = (task: TaskSummary) => (
    <Row
      task={task}
      startedAt={task.state === "running" ? startedAtOf(task.id) : undefined}
      now={now}
      select={select === true}
      columns={view.columns}
    />
  );
  return (
    <div class="wide">
      <table class={view.compact ? "tasks compact" : "tasks"}>
        <thead>
          <tr>
            {select
              ? (
                <th scope="col" class="tick">
                  <input type="checkbox" id="tick-all" aria-label="Select all tasks shown" />
                </th>
              )
              : null}
            <th scope="col" class="state">State</th>
            <th scope="col" class="what">Task</th>
            {view.columns.map((name) => <th scope="col" class={name}>{COLUMNS[name]}</th>)}
          </tr>
        </thead>
        <tbody>{tasks.slice(0, first).map(row)}</tbody>
        {first < tasks.length ? <tbody class="rest">{tasks.slice(first).map(row)}</tbody> : null}
      </table>
    </div>
  );
}

function Row(
  { task, startedAt, now, select, columns }: {
    readonly task: TaskSummary;
    readonly startedAt: number | undefined;
    readonly now: number;
    readonly select: boolean;
    readonly columns: readonly Column[];
  },
) {
  return (
    <tr data-id={task.id}>
      {select
        ? (
          <td class="tick">
            <input
              type="checkbox"
              id={`tick-${task.id}`}
              name="task"
              value={task.id}
              aria-label={`Select ${task.label}`}
            />
          </td>
        )
        : null}
      <td data-name="State" class="state">
        <Badge word={task.state} />
        {startedAt === undefined ? <Waits task={task} now={now} /> : (
          <small class="waits">
            began <Moment at={startedAt} now={now} />
          </small>
        )}
      </td>
      <td data-name="Task" class="what">
        <a class="label" title={task.label} href={`/ui/tasks/${task.id}`}>
          {task.label.trim() || task.id}
        </a>
        {task.possibleDuplicate ? <small>possible duplicate</small> : null}
        {task.error ? <small class="error">{task.error.code}: {task.error.detail}</small> : null}
      </td>
      {columns.map((name) => (
        <td data-name={COLUMNS[name]} class={name}>{CELLS[name](task, now)}</td>
      ))}
    </tr>
  );
}

const BEHIND = { pause: "paused", key: "behind its key", batch: "behind its batch" };

/** What a queued task waits for, as far as the task itself says. */
function Waits({ task, now }: { task: TaskSummary; now: number }) {
  const { state, dueAt = 0, attempt, behind } = task;
  if (state !== "queued") return null;
  if (behind) return <small class="waits">{BEHIND[behind]}</small>;
  if (dueAt <= now) return null;
  return (
    <small class="waits">
      {attempt > 0 ? "retry " : ""}
      <Moment at={dueAt} now={now} />
    </small>
  );
}

const CELLS: Readonly<Record<Column, (task: TaskSummary, now: number) => Child>> = {
  attempt: ({ attempt }) => attempt,
  type: ({ type }) => type,
  host: ({ lane }) => {
    const host = hostOf(lane);
    return host === undefined ? null : <FilterLink by="host" value={host} />;
  },
  due: ({ dueAt }, now) => <Moment at={dueAt} now={now} />,
  accepted: ({ createdAt }, now) => <Moment at={createdAt} now={now} />,
  finished: ({ finishedAt }, now) => <Moment at={finishedAt} now={now} />,
  priority: ({ priority }) => priority,
  owner: ({ owner }) => owner === undefined ? null : <FilterLink by="owner" value={owner} />,
  source: ({ source = "api" }) => <FilterLink by="source" value={source} />,
  tags: ({ tags = [], key }) => (
    <>
      {tags.map((tag) => <FilterLink by="tag" value={tag} />)}
      {key === undefined ? null : <FilterLink by="key" value={key} />}
    </>
  ),
};
