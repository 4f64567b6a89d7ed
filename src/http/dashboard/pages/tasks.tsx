/**
 * The task list with its search and bulk actions.
 *
 * @module
 */

import { TASK_STATES } from "../../../task/state.ts";
import type { TaskSummary } from "../../../task/task.ts";
import { type FilterWords, QUEUED_KINDS, REASONS, TASK_TYPES } from "../../request/task_filter.ts";
import { Action, grouped, NextPage } from "../components.tsx";
import { type Column, COLUMNS, type TableView } from "../table_view.ts";
import { type StartedAtOf, TaskTable } from "./task_table.tsx";

/** Counts of matching tasks, up to a limit. */
export interface Matches {
  /** All of them. */
  readonly all: Count;
  /** Those that can be cancelled. */
  readonly active: Count;
  /** Those that can be retried. */
  readonly retryable: Count;
}

/** A number of tasks, or the limit when there are more. */
export interface Count {
  /** The number. */
  readonly count: number;
  /** The path that counts them all, if there are more. */
  readonly exactly?: string | undefined;
}

/** What is shown. */
export interface TaskList {
  /** The moment, in milliseconds since the epoch. */
  readonly now: number;
  /** The search. */
  readonly words: FilterWords;
  /** Only queued tasks that are not due, by their time. */
  readonly byDue: boolean;
  /** What is wrong with the search. */
  readonly fault?: string | undefined;
  /** The matching tasks, newest first. */
  readonly tasks: readonly TaskSummary[];
  /** How many tasks match; absent when the search is wrong. */
  readonly matches?: Matches | undefined;
  /** Cursor of the next page. */
  readonly nextCursor?: string | undefined;
  /** Whether the caller may change tasks of all owners. */
  readonly operates: boolean;
  /** Columns and density. */
  readonly view: TableView;
  /** When the attempt of a task that runs on this node began. */
  readonly startedAtOf: StartedAtOf;
}

/** The content of the list below the form. */
export function TasksContent(list: TaskList) {
  const { now, words, fault, tasks, nextCursor, operates, byDue, view } = list;
  const order = byDue ? { sort: "due" } : {};
  const next = new URLSearchParams({ ...words, ...order, cursor: nextCursor ?? "" });
  return (
    <>
      {fault === undefined ? null : <p class="notice" role="alert">{fault}</p>}
      <Toolbar list={list} />
      {operates ? <Bulk list={list} /> : null}
      <p class="offer" role="status">
        <button type="button" id="offer" hidden>0 new</button>
      </p>
      <section
        id="list"
        data-live
        aria-label={byDue ? "Tasks, the next one first" : "Tasks, newest first"}
      >
        {tasks.length === 0 ? <Nothing list={list} /> : (
          <TaskTable
            tasks={tasks}
            now={now}
            select={operates}
            view={view}
            startedAtOf={list.startedAtOf}
          />
        )}
        <NextPage
          cursor={nextCursor}
          href={`/ui/tasks?${next}`}
          name={byDue ? "Later tasks" : "Older tasks"}
        />
      </section>
      <ViewForm view={view} />
    </>
  );
}

function Nothing({ list: { words, nextCursor, fault } }: { list: TaskList }) {
  if (fault !== undefined) return null;
  if (Object.keys(words).length === 0) {
    return (
      <p class="empty">
        No task yet. <a href="/ui/send">Send the first one</a>, or read how to with the{" "}
        <a href="/manual">manual</a>.
      </p>
    );
  }
  return (
    <p class="empty">
      No task matches{nextCursor ? " among those searched so far" : ""}.{" "}
      <a href="/ui/tasks">Show all tasks</a>
    </p>
  );
}

const AGES = [["15m", "last 15 minutes"], ["1h", "last hour"], ["24h", "last 24 hours"], [
  "7d",
  "last 7 days",
]] as const;

/** The rarer fields, with their labels. */
const FURTHER = {
  key: "Key",
  batch: "Batch",
  host: "Host",
  parent: "Parent",
  source: "Source",
  owner: "Owner",
  until: "Accepted until",
  finishedSince: "Finished since",
  finishedUntil: "Finished until",
} as const;

/** The form of the search. */
export function SearchForm({ words, byDue }: { words: FilterWords; byDue: boolean }) {
  const further = Object.entries(FURTHER) as [keyof typeof FURTHER, string][];
  const isNarrow = [...further.map(([name]) => name), "reason" as const]
    .some((name) => words[name] !== undefined);
  const waits = <Choice name="queued" label="Waits for" words={words} values={QUEUED_KINDS} />;
  const { since = "" } = words;
  const isOther = since !== "" && AGES.every(([age]) => age !== since);
  return (
    <form class="search" role="search" action="/ui/tasks">
      <label class="text">
        <span>Subject, recipient, URL or id</span>
        <input type="search" name="q" value={words.q ?? ""} aria-keyshortcuts="/" />
      </label>
      <Choice name="state" label="State" words={words} values={TASK_STATES} />
      <Choice name="type" label="Type" words={words} values={TASK_TYPES} />
      <label>
        <span>Tag</span>
        <input
          name="tag"
          value={words.tags ?? words.tag ?? ""}
          placeholder="one, or several: a, b"
        />
      </label>
      <label>
        <span>Accepted</span>
        <select name="since">
          <option value="">any time</option>
          {AGES.map(([age, text]) => <option value={age} selected={age === since}>{text}</option>)}
          {isOther ? <option value={since} selected>since {since}</option> : null}
        </select>
      </label>
      {words.queued === undefined ? null : waits}
      {byDue ? <input type="hidden" name="sort" value="due" /> : null}
      <button type="submit">Search</button>
      <details open={isNarrow}>
        <summary>More</summary>
        <div class="row">
          {further.map(([name, label]) => (
            <label>
              <span>{label}</span>
              <input name={name} value={words[name] ?? ""} />
            </label>
          ))}
          <Choice name="reason" label="Reason" words={words} values={REASONS} />
          {words.queued === undefined ? waits : null}
        </div>
      </details>
    </form>
  );
}

function Choice(
  { name, label, words, values }: {
    readonly name: "state" | "type" | "reason" | "queued";
    readonly label: string;
    readonly words: FilterWords;
    readonly values: readonly string[];
  },
) {
  const chosen = words[name] ?? "";
  // A link can give several states joined by commas; they stay as they are.
  const shown = chosen === "" || values.includes(chosen) ? values : [chosen, ...values];
  return (
    <label>
      <span>{label}</span>
      <select name={name}>
        <option value="">any</option>
        {shown.map((value) => <option value={value} selected={value === chosen}>{value}</option>)}
      </select>
    </label>
  );
}

/** How many match, the order, the exports, and the choice of columns. */
function Toolbar({ list: { words, byDue, matches } }: { list: TaskList }) {
  const query = new URLSearchParams(words);
  const link = (more: Record<string, string>) =>
    new URLSearchParams({ ...words, ...more }).toString();
  return (
    <div class="toolbar">
      <p id="matches" data-live>
        {matches === undefined ? null : (
          <>
            <strong
              data-count={matches.all.exactly}
            >
              {shown(matches.all)}
            </strong>{" "}
            {matches.all.count === 1 ? "task" : "tasks"}
            {Object.keys(words).length === 0 ? "" : matches.all.count === 1 ? " matches" : " match"}
          </>
        )}
      </p>
      <p role="group" aria-label="Order" class="choice">
        <a href={`/ui/tasks?${query}`} aria-current={byDue ? undefined : "true"}>Newest</a>
        <a href={`/ui/tasks?${link({ sort: "due" })}`} aria-current={byDue ? "true" : undefined}>
          Next due
        </a>
      </p>
      <p>
        Export <a href={`/tasks?${link({ format: "csv" })}`} download="tasks.csv">CSV</a>{" "}
        <a href={`/tasks?${link({ format: "ndjson" })}`} download="tasks.ndjson">NDJSON</a>
      </p>
      <button type="button" id="view-open" class="quiet scripted">Columns</button>
    </div>
  );
}

function Bulk({ list: { words, matches, byDue } }: { list: TaskList }) {
  const query = new URLSearchParams(words);
  const isSearch = Object.keys(words).length > 0 && !byDue;
  const { state: _, reason: _reason, queued: _queued, ...others } = words;
  const undo = new URLSearchParams({ ...others, state: "cancelled", reason: "request" });
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
      {isSearch && matches && matches.active.count > 0
        ? (
          <Action
            call={`DELETE /tasks?${query}`}
            confirm={isOne(matches.active)
              ? "Cancel the only task that matches this search and is not final?"
              : `Cancel all ${shown(matches.active)} tasks that match this search and are ` +
                "not final, including those not shown?"}
            done="Cancelled"
            undo={`POST /tasks/retry?${undo}`}
            all={matches.active}
            danger
          >
            Cancel {isOne(matches.active) ? "the only task" : `all ${shown(matches.active)}`}
          </Action>
        )
        : null}
      {isSearch && matches && matches.retryable.count > 0
        ? (
          <Action
            call={`POST /tasks/retry?${query}`}
            confirm={isOne(matches.retryable)
              ? "Retry the only task that matches this search and failed, was cancelled or expired?"
              : `Retry all ${shown(matches.retryable)} tasks that match this search and ` +
                "failed, were cancelled or expired, including those not shown?"}
            done="Queued again"
            all={matches.retryable}
          >
            Retry {isOne(matches.retryable) ? "the only task" : `all ${shown(matches.retryable)}`}
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

function isOne({ count, exactly }: Count): boolean {
  return count === 1 && exactly === undefined;
}

function shown({ count, exactly }: Count): string {
  return exactly ? `${grouped(count)} or more` : grouped(count);
}

/** A template: the form exists only once it is opened, because a script keeps what it says. */
function ViewForm({ view }: { view: TableView }) {
  return (
    <template id="view-form">
      <form method="dialog">
        <h2>Columns of the list</h2>
        <div class="checks">
          {(Object.entries(COLUMNS) as [Column, string][]).map(([name, label]) => (
            <label>
              <input
                type="checkbox"
                name="view"
                value={name}
                checked={view.columns.includes(name)}
              />{" "}
              {label}
            </label>
          ))}
          <label>
            <input type="checkbox" name="view" value="compact" checked={view.compact} />{" "}
            Compact rows
          </label>
        </div>
        <div class="row">
          <button type="submit" value="yes">Show</button>
          <button type="submit" value="no" class="quiet">Leave as it is</button>
        </div>
      </form>
    </template>
  );
}
