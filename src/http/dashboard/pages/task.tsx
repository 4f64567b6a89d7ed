/**
 * One task: its state, its attempts with their evidence, the payload and the
 * result.
 *
 * @module
 */

import { isFinal } from "../../../task/state.ts";
import type { TaskProgress } from "../../../task/ports.ts";
import { GIVEN_TEXTS, type TaskRecord, type TaskSummary } from "../../../task/task.ts";
import type { WaitCause } from "../../views/waiting_for.ts";
import { resendOf } from "../curl.ts";
import { Action, Badge, bytes, Fact, FilterLink, Moment } from "../components.tsx";
import { Explain } from "./explain.tsx";
import { PayloadPreview, ResultPreview } from "./preview.tsx";
import { TaskTable } from "./task_table.tsx";
import { Timeline } from "./timeline.tsx";

/** What is shown. */
export interface TaskPage {
  /** The moment, in milliseconds since the epoch. */
  readonly now: number;
  /** The task. */
  readonly task: TaskRecord;
  /** As the API shows it, with secrets masked. */
  readonly view: Readonly<Record<string, unknown>>;
  /** What it waits for. */
  readonly waits?: WaitCause | undefined;
  /** When the attempt that runs on this node began, in milliseconds since the epoch. */
  readonly startedAt?: number | undefined;
  /** Progress of the running attempt. */
  readonly progress?: TaskProgress | undefined;
  /** The first tasks that were created from its end, newest first. */
  readonly followUps: readonly TaskSummary[];
  /** The mail as it was written to the outbox. */
  readonly source?: string | undefined;
  /** Whether the caller may change it. */
  readonly operates: boolean;
  /** Whether the caller may end pauses and holds. */
  readonly operatesAll: boolean;
  /** Whether the caller may submit tasks of its type. */
  readonly submits: boolean;
  /** Whether the API needs a key. */
  readonly needsKey: boolean;
  /** Origin of the API. */
  readonly origin: string;
}

/** The content of a task's page. */
export function TaskContent(
  { now, task, view, followUps, source, origin, needsKey, ...page }: TaskPage,
) {
  const { waits, startedAt, progress, ...may } = page;
  const { operates, operatesAll, submits } = may;
  const resend = resendOf(task, view.payload, origin, needsKey);
  return (
    <>
      <section id="state" data-live aria-label="State">
        <p class="row">
          <Badge word={task.state} />
          {task.delivery ? <Badge word={task.delivery} /> : null}
          {task.reason ? <span>{task.reason}</span> : null}
          {task.aborting ? <span class="notice">being aborted</span> : null}
        </p>
        {task.possibleDuplicate ? <Duplicate task={task} /> : null}
        {task.error ? <p class="error">{task.error.code}: {task.error.detail}</p> : null}
        {task.state === "queued"
          ? <Explain task={task} cause={waits} now={now} operates={operatesAll} />
          : null}
        {progress ? <Progress progress={progress} /> : null}
        {operates ? <TaskActions task={task} now={now} /> : null}
        <dl class="facts">
          <Fact name="Id">
            <code>{task.id}</code>
          </Fact>
          <Fact name="Type">{`${task.type} by ${task.channel || "?"}`}</Fact>
          <Fact name="Target">
            <FilterLink by="host" value={task.lane} />
          </Fact>
          <Fact name="Accepted">
            <Moment at={task.createdAt} now={now} />
          </Fact>
          <Fact name="Due">{task.dueAt && <Moment at={task.dueAt} now={now} />}</Fact>
          <Fact name="Expires">{task.expiresAt && <Moment at={task.expiresAt} now={now} />}</Fact>
          <Fact name="Finished">
            {task.finishedAt && <Moment at={task.finishedAt} now={now} />}
          </Fact>
          <Fact name="Attempt">{`${task.attempt} of ${task.retry.length + 1}`}</Fact>
          <Fact name="Priority">{task.priority}</Fact>
          {GIVEN_TEXTS.map((name) => (
            <Fact name={`${name.charAt(0).toUpperCase()}${name.slice(1)}`}>
              {task[name] && <FilterLink by={name} value={task[name]} />}
            </Fact>
          ))}
          <Fact name="Tags">
            {task.tags?.map((tag) => <FilterLink by="tag" value={tag} />)}
          </Fact>
          <Fact name="Batch">
            {task.batchId && <a href={`/ui/batches/${task.batchId}`}>{task.batchId}</a>}
          </Fact>
          <Fact name="Parent">
            {task.parentId && <a href={`/ui/tasks/${task.parentId}`}>{task.parentId}</a>}
          </Fact>
          <Fact name="Source">
            {task.source && <FilterLink by="source" value={task.source} />}
          </Fact>
          <Fact name="Owner">
            {task.owner && <FilterLink by="owner" value={task.owner} />}
          </Fact>
          <Fact name="Request">{task.requestId && <code>{task.requestId}</code>}</Fact>
          <Fact name="Trace">{task.traceparent && <code>{task.traceparent}</code>}</Fact>
        </dl>
      </section>
      <section id="attempts" data-live>
        <h2>Attempts</h2>
        <Timeline
          task={task}
          attempts={view.attempts as readonly { readonly evidence?: unknown }[]}
          startedAt={startedAt}
          now={now}
        />
      </section>
      <section id="result" data-live>
        <h2>Result</h2>
        <ResultPreview task={task} result={view.result} />
      </section>
      <section id="follow-ups" data-live>
        {followUps.length === 0 ? null : (
          <>
            <h2>Follow-ups</h2>
            <TaskTable tasks={followUps} now={now} />
          </>
        )}
      </section>
      <section>
        <h2>Payload</h2>
        <PayloadPreview task={task} payload={view.payload} source={source} />
      </section>
      <section>
        <h2>Send again</h2>
        {submits && task.payload !== undefined
          ? (
            <p class="row">
              <Action
                call={`POST /tasks/${task.id}/duplicate`}
                confirm="Send it once more, with all its options?"
                done="Sent once more"
                leads
              >
                Duplicate
              </Action>
              <a class="button" href={`/ui/send?from=${task.id}`}>Edit and send</a>
              <span>
                {duplicateLeavesOut(task)}
              </span>
            </p>
          )
          : null}
        <details id="resend">
          <summary>As a command</summary>
          <pre tabindex={0}><code id="curl">{resend.command}</code></pre>
          {resend.leftOut.length === 0 ? null : <p>Without {resend.leftOut.join(", ")}.</p>}
          <button type="button" data-copy="curl">Copy</button>
        </details>
      </section>
    </>
  );
}

/** Why the other side may have got it twice. */
function Duplicate({ task: { attempts, state } }: { task: TaskRecord }) {
  const cut = attempts.filter(({ outcome }) => outcome === "unknown").map(({ number }) => number);
  const which = cut.length === 0 ? "an attempt" : `attempt ${cut.join(", ")}`;
  return (
    <p class="notice">
      <strong>Possible duplicate:</strong> {which}{" "}
      was cut off after bytes had left, so the other side may have acted on it
      {state === "succeeded" ? ", and it was sent again." : "."}
    </p>
  );
}

/** What a duplicate does not have. */
export function duplicateLeavesOut({ expiresAt, batchId }: TaskRecord): string {
  const left = [
    ...(expiresAt === undefined ? [] : ["its expiry"]),
    ...(batchId === undefined ? [] : ["its batch"]),
  ];
  const without = left.length === 0 ? "" : `; without ${left.join(" and ")}`;
  return `With the same options, secrets, callback, follow-ups and fallbacks, due at once${without}.`;
}

function Progress({ progress }: { progress: TaskProgress }) {
  const { bytes: moved, totalBytes, rate } = progress;
  const label = `${bytes(moved)}${totalBytes ? ` of ${bytes(totalBytes)}` : ""}, ${bytes(rate)}/s`;
  return (
    <p class="bar">
      <progress max={totalBytes} value={totalBytes ? moved : undefined} aria-label="Progress">
      </progress>
      <small>{label}</small>
    </p>
  );
}

function TaskActions({ task, now }: { task: TaskRecord; now: number }) {
  const path = `/tasks/${task.id}`;
  const waits = task.state === "queued" && (task.dueAt ?? 0) > now;
  if (task.state === "succeeded") return null;
  return (
    <p class="row">
      {isFinal(task.state) ? null : (
        <Action
          call={`DELETE ${path}`}
          confirm="Cancel this task?"
          done={task.state === "running" ? "Being aborted" : "Cancelled"}
          undo={`POST ${path}/retry`}
          danger
        >
          Cancel
        </Action>
      )}
      {waits ? <Action call={`POST ${path}/run`} done="Due now">Run now</Action> : null}
      {isFinal(task.state)
        ? (
          <Action call={`POST ${path}/retry`} done="Queued again" undo={`DELETE ${path}`}>
            Retry
          </Action>
        )
        : null}
    </p>
  );
}
