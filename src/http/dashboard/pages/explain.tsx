/**
 * Why a task waits, until when, and what can be done about it.
 *
 * @module
 */

import type { Child } from "hono/jsx";
import type { TaskSummary } from "../../../task/task.ts";
import { hostOf } from "../../views/task_view.ts";
import type { WaitCause } from "../../views/waiting_for.ts";
import { Action, Moment } from "../components.tsx";

/** Explains what a queued task waits for. */
export function Explain(
  { task, cause, now, operates }: {
    readonly task: TaskSummary;
    readonly cause: WaitCause | undefined;
    readonly now: number;
    /** Whether the caller may end pauses and holds. */
    readonly operates: boolean;
  },
) {
  return (
    <div class="explain">
      <p>
        <strong>
          {cause ? `Waits for ${textOf(cause)}` : "Due: begins as soon as it is its turn"}
        </strong>
        {cause?.until === undefined ? null : (
          <>
            {" "}
            (<Moment at={cause.until} now={now} />)
          </>
        )}
      </p>
      <div class="row">{adviceOf(task, cause, operates)}</div>
    </div>
  );
}

/** What it waits for, without the time, which follows. */
function textOf({ text, until }: WaitCause): string {
  return until === undefined ? text : text.replace(/(?:,| until) \d{4}-\d\d-\d\dT[\d:.]+Z/, "");
}

function adviceOf(task: TaskSummary, cause: WaitCause | undefined, operates: boolean): Child {
  const search = (by: string, value: string) =>
    `/ui/tasks?${new URLSearchParams({ [by]: value, state: "queued,running" })}`;
  switch (cause?.kind) {
    case "pause":
      return (
        <>
          <span>It is accepted, and begins once the pause has ended.</span>
          {operates
            ? (
              <Action
                call={`DELETE /pauses/${cause.pause?.id}`}
                confirm="End this pause for all tasks that it covers?"
                done="The pause has ended"
              >
                End the pause
              </Action>
            )
            : <a href="/ui/lanes#pauses">See the pauses</a>}
        </>
      );
    case "hold": {
      const host = hostOf(task.lane);
      return (
        <>
          <span>The server asked for it, or too many attempts there failed in a row.</span>
          {operates && host !== undefined
            ? (
              <Action
                call={`POST /holds/release?${new URLSearchParams({ host })}`}
                confirm={`Release ${host}? Tasks for it begin at once.`}
                done="Released"
              >
                Release the hold
              </Action>
            )
            : null}
          <a href="/ui/lanes">See the host</a>
        </>
      );
    }
    case "retry":
      return <span>The last attempt failed for now; see below. “Run now” tries at once.</span>;
    case "time":
      return <span>It was submitted for that time. “Run now” does not wait for it.</span>;
    case "key":
      return (
        <>
          <span>Tasks of one key run one at a time, in the order of acceptance.</span>
          <a href={search("key", task.key ?? "")}>See the tasks of its key</a>
        </>
      );
    case "batch":
      return (
        <>
          <span>The batch was submitted with a limit.</span>
          <a href={search("batch", task.batchId ?? "")}>See the tasks of its batch</a>
        </>
      );
    case "lane":
      return (
        <>
          <span>
            It begins when one of them has ended. The limit is set under <code>hosts</code> in{" "}
            <code>postrider.yaml</code>, or was learned from the server.
          </span>
          <a href="/ui/lanes">See the host</a>
        </>
      );
    case "worker":
      return (
        <span>
          It begins when one of them has ended. Raise <code>POSTRIDER_CONCURRENCY</code>{" "}
          if this lasts.
        </span>
      );
    default:
      return null;
  }
}
