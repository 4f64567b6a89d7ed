// deno-lint-ignore-file jsx-key -- rendered once on the server, where keys have no use
/**
 * The task list with its search and bulk actions.
 *
 * @module
 */

import { TASK_STATES } from "../../task/state.ts";
import type { TaskSummary } from "../../task/task.ts";
import { type FilterWords, REASONS, TASK_TYPES } from "../request/task_filter.ts";
import { Action, grouped, TaskTable } from "./components.tsx";

/** Counts of matching tasks, up to a limit. */
export interface Matches {
  /** Those that can be cancelled. */
  readonly active: Count;
  /** Those that can be retried. */
  readonly retryable: Count;
}

/** A number of tasks, or the limit when there are more. */
export interface Count {
  /** The number. */
  readonly count: number;
  /** Whether there are more. */
  readonly isMore: boolean;
}

/** What is shown. */
export interface TaskList {
  /** The moment, in milliseconds since the epoch. */
  readonly now: number;
  /** The search. */
  readonly words: FilterWords;
  /** What is wrong with the search. */
  readonly fault?: string | undefined;
  /** The matching tasks, newest first. */
  readonly tasks: readonly TaskSummary[];
  /** How many tasks a bulk action would change; absent without a search. */
  readonly matches?: Matches | undefined;
  /** Cursor of the next page. */
  readonly nextCursor?: string | undefined;
  /** Whether the caller may change tasks of all owners. */
  readonly operates: boolean;
}

/** The content of the list. */
export function TasksContent(
  { now, words, fault, tasks, nextCursor, operates, matches }: TaskList,
) {
  const query = new URLSearchParams(words);
  const next = new URLSearchParams({ ...words, ...(nextCursor ? { cursor: nextCursor } : {}) });
  return (
    <>
      <SearchForm words={words} />
      {fault === undefined ? null : <p class="notice" role="alert">{fault}</p>}
      {operates ? <Bulk query={query} matches={matches} /> : null}
      <p>
        <button type="button" id="offer" hidden>0 new</button>
      </p>
      <section id="list" data-live aria-label="Tasks, newest first">
        {tasks.length === 0
          ? <p>No task matches{nextCursor ? " among those searched so far" : ""}.</p>
          : <TaskTable tasks={tasks} now={now} select={operates} />}
        {nextCursor
          ? (
            <p>
              <a rel="next" href={`/ui/tasks?${next}`}>Older tasks</a>
            </p>
          )
          : null}
      </section>
    </>
  );
}

function SearchForm({ words }: { words: FilterWords }) {
  const more = ["key", "batch", "host", "parent"] as const;
  const isNarrow = [...more, "reason" as const].some((name) => words[name] !== undefined);
  return (
    <form class="search" role="search" action="/ui/tasks">
      <label>
        <span>Subject, recipient or URL</span>
        <input type="search" name="q" value={words.q ?? ""} />
      </label>
      <Choice name="state" words={words} values={TASK_STATES} />
      <Choice name="type" words={words} values={TASK_TYPES} />
      <label>
        <span>Tag</span>
        <input name="tag" value={words.tag ?? ""} />
      </label>
      <details open={isNarrow}>
        <summary>More</summary>
        <div class="row">
          {more.map((name) => (
            <label>
              <span>{name}</span>
              <input name={name} value={words[name] ?? ""} />
            </label>
          ))}
          <Choice name="reason" words={words} values={REASONS} />
        </div>
      </details>
      <button type="submit">Search</button>
    </form>
  );
}

function Choice(
  { name, words, values }: {
    readonly name: "state" | "type" | "reason";
    readonly words: FilterWords;
    readonly values: readonly string[];
  },
) {
  const chosen = words[name] ?? "";
  // A link can give several states joined by commas; they stay as they are.
  const shown = chosen === "" || values.includes(chosen) ? values : [chosen, ...values];
  return (
    <label>
      <span>{name}</span>
      <select name={name}>
        <option value="">any</option>
        {shown.map((value) => <option value={value} selected={value === chosen}>{value}</option>)}
      </select>
    </label>
  );
}

function Bulk({ query, matches }: { query: URLSearchParams; matches: Matches | undefined }) {
  return (
    <div id="bulk" class="bulk" data-live role="group" aria-label="Bulk actions">
      <span id="ticked" aria-live="polite">None selected</span>
      <button
        type="button"
        data-bulk="DELETE /tasks/{id}"
        data-undo="POST /tasks/{id}/retry"
        disabled
      >
        Cancel <SelectedCount />selected
      </button>
      <button
        type="button"
        data-bulk="POST /tasks/{id}/retry"
        disabled
      >
        Retry <SelectedCount />selected
      </button>
      <button
        type="button"
        data-bulk="POST /tasks/{id}/run"
        disabled
      >
        Run <SelectedCount />selected now
      </button>
      <button type="button" id="unselect" class="quiet" hidden>Clear selection</button>
      {matches && matches.active.count > 0
        ? (
          <Action
            call={`DELETE /tasks?${query}`}
            confirm={`Cancel all ${shown(matches.active)} tasks that match this search and are ` +
              "not final, including those not shown?"}
            done="Cancelled"
            danger
          >
            Cancel all {shown(matches.active)}
          </Action>
        )
        : null}
      {matches && matches.retryable.count > 0
        ? (
          <Action
            call={`POST /tasks/retry?${query}`}
            confirm={`Retry all ${shown(matches.retryable)} tasks that match this search and ` +
              "failed, were cancelled or expired, including those not shown?"}
            done="Queued again"
          >
            Retry all {shown(matches.retryable)}
          </Action>
        )
        : null}
    </div>
  );
}

/** How many are selected: generated by the style, so that the text of the button stays the same. */
function SelectedCount() {
  return <span class="number"></span>;
}

function shown({ count, isMore }: Count): string {
  return isMore ? `${grouped(count)} or more` : grouped(count);
}
