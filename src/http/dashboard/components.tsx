/**
 * Components shared by the pages: states, times, task tables, buttons that call the API.
 *
 * @module
 */

import type { Child } from "hono/jsx";
import { TASK_STATES } from "../../task/state.ts";
import { timeView } from "../views/time_view.ts";

/** A state, an outcome or a delivery as a coloured badge. */
export function Badge({ word }: { word: string }) {
  return <span class={`badge ${word}`}>{word.replaceAll("_", " ")}</span>;
}

/** A time, shown relative to now, with the exact time as its title. */
export function Moment({ at, now }: { at: number | undefined; now: number }) {
  if (at === undefined) return null;
  const exact = timeView(at);
  return <time class="ago" datetime={exact} title={exact}>{distance(at - now)}</time>;
}

const UNITS: readonly [number, string][] = [
  [86_400_000, "d"],
  [3_600_000, "h"],
  [60_000, "min"],
  [1_000, "s"],
];

/** A time relative to now: `3 min ago`, `in 2 h`. */
export function distance(ms: number): string {
  const size = Math.abs(ms);
  if (size < 1_000) return "now";
  const [unit, name] = UNITS.find(([unit]) => size >= unit) ?? [1_000, "s"];
  const text = `${Math.floor(size / unit)} ${name}`;
  return ms < 0 ? `${text} ago` : `in ${text}`;
}

/** A length of time. */
export function duration(ms: number): string {
  if (ms < 10) return `${Math.round(ms * 10) / 10} ms`;
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${Math.round(ms / 100) / 10} s`;
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 60) return `${minutes} min ${Math.floor(ms % 60_000 / 1_000)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** A number with its thousands separated. */
export function grouped(value: number): string {
  return value.toLocaleString("en").replaceAll(",", "\u202f");
}

/** A number of bytes. */
export function bytes(count: number): string {
  if (count < 1_024) return `${count} B`;
  const steps = Math.min(4, Math.floor(Math.log2(count) / 10));
  return `${Math.round(count / 1_024 ** steps * 10) / 10} ${
    ["", "KiB", "MiB", "GiB", "TiB"][steps]
  }`;
}

/** What a button does. */
export interface ActionProps {
  /** Method and path of the request: `DELETE /tasks/tsk_…`. */
  readonly call: string;
  /** The JSON body of the request. */
  readonly body?: Readonly<Record<string, unknown>>;
  /** The question to confirm first; none when absent. */
  readonly confirm?: string;
  /** The message after success. */
  readonly done: string;
  /** Method and path of the request that undoes it. */
  readonly undo?: string;
  /** The text of the button. */
  readonly children?: Child;
  /** The action deletes or cancels something. */
  readonly danger?: boolean;
  /** The page of what the response describes comes next. */
  readonly leads?: boolean;
  /** Changes this many tasks, with progress; `exactly` is the path that counts them. */
  readonly all?: { readonly count: number; readonly exactly?: string | undefined };
}

/** A button that sends a request to the API and shows the result. */
export function Action(props: ActionProps) {
  const { call, body, confirm, done, undo, danger, leads, all, children } = props;
  return (
    <button
      type="button"
      class={danger ? "danger" : undefined}
      data-call={call}
      data-body={body && JSON.stringify(body)}
      data-confirm={confirm}
      data-done={done}
      data-undo={undo}
      data-leads={leads}
      data-all={all?.count}
      data-exactly={all?.exactly}
    >
      {children}
    </button>
  );
}

/** A name and its value; nothing without a value. */
export function Fact({ name, children }: { name: string; children?: Child }) {
  const isEmpty = [children].flat().every((one) => one === undefined || one === null || one === "");
  if (isEmpty) return null;
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

/** A link to where a list continues; nothing at its end. */
export function NextPage(
  { cursor, href, name }: { cursor: string | undefined; href: string; name: string },
) {
  return cursor === undefined ? null : (
    <p>
      <a rel="next" href={href}>{name}</a>
    </p>
  );
}

/** A link to the tasks with this tag, key, … */
export function FilterLink({ by, value }: { by: string; value: string }) {
  return <a class="chip" href={`/ui/tasks?${new URLSearchParams({ [by]: value })}`}>{value}</a>;
}

/** The progress of a batch. */
export function Bar(
  { counts, total }: { counts: Readonly<Record<string, number>>; total: number },
) {
  const done = total - (counts.queued ?? 0) - (counts.running ?? 0);
  const percent = total > 0 ? Math.floor(done / total * 100) : 100;
  const label = TASK_STATES.filter((state) => counts[state]).map((state) =>
    `${counts[state]} ${state}`
  ).join(", ");
  const isBad = (counts.failed ?? 0) + (counts.expired ?? 0) > 0;
  return (
    <div class={isBad ? "bar bad" : "bar"}>
      <progress max={Math.max(1, total)} value={done} aria-label={`${percent} % done`}></progress>
      <small>{percent} % · {label}</small>
    </div>
  );
}
