// deno-lint-ignore-file jsx-key -- rendered once on the server, where keys have no use
/**
 * One task: its state, its attempts with their evidence, the payload and the
 * result.
 *
 * @module
 */

import { isFinal } from "../../task/state.ts";
import type { TaskProgress } from "../../task/ports.ts";
import type { AttemptRecord, TaskRecord } from "../../task/task.ts";
import { resendOf } from "./curl.ts";
import { Action, Badge, bytes, duration, Fact, FilterLink, Moment } from "./components.tsx";

/** What is shown. */
export interface TaskPage {
  /** The moment, in milliseconds since the epoch. */
  readonly now: number;
  /** The task. */
  readonly task: TaskRecord;
  /** As the API shows it, with secrets masked. */
  readonly view: Readonly<Record<string, unknown>>;
  /** What it waits for, as a phrase. */
  readonly waits?: string | undefined;
  /** Progress of the running attempt. */
  readonly progress?: TaskProgress | undefined;
  /** Whether the caller may change it. */
  readonly operates: boolean;
  /** Whether the API needs a key. */
  readonly needsKey: boolean;
  /** Origin of the API. */
  readonly origin: string;
}

/** The content of a task's page. */
export function TaskContent(
  { now, task, view, waits, progress, operates, origin, needsKey }: TaskPage,
) {
  const resend = resendOf(task, view.payload, origin, needsKey);
  return (
    <>
      <section id="state" data-live aria-label="State">
        <p class="row">
          <Badge word={task.state} />
          {task.delivery ? <Badge word={task.delivery} /> : null}
          {task.reason ? <span>{task.reason}</span> : null}
          {task.possibleDuplicate ? <span class="notice">possible duplicate</span> : null}
          {task.aborting ? <span class="notice">being aborted</span> : null}
        </p>
        {task.error ? <p class="error">{task.error.code}: {task.error.detail}</p> : null}
        {waits === undefined ? null : <p>Waits for {waits}</p>}
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
          <Fact name="Key">{task.key && <FilterLink by="key" value={task.key} />}</Fact>
          <Fact name="Tags">
            {task.tags?.map((tag) => <FilterLink by="tag" value={tag} />)}
          </Fact>
          <Fact name="Batch">
            {task.batchId && <a href={`/ui/batches/${task.batchId}`}>{task.batchId}</a>}
          </Fact>
          <Fact name="Parent">
            {task.parentId && <a href={`/ui/tasks/${task.parentId}`}>{task.parentId}</a>}
          </Fact>
          <Fact name="Owner">{task.owner}</Fact>
          <Fact name="Request">{task.requestId && <code>{task.requestId}</code>}</Fact>
          <Fact name="Trace">{task.traceparent && <code>{task.traceparent}</code>}</Fact>
        </dl>
      </section>
      <section id="attempts" data-live>
        <h2>Attempts</h2>
        <Timeline task={task} now={now} />
      </section>
      <section id="result" data-live>
        <h2>Result</h2>
        {view.result === undefined ? <p>No result yet.</p> : <Data value={view.result} />}
      </section>
      <section>
        <h2>Payload</h2>
        <Payload task={task} view={view} />
      </section>
      <section>
        <h2>Send again</h2>
        <pre tabindex={0}><code id="curl">{resend.command}</code></pre>
        {resend.leftOut.length === 0 ? null : <p>Without {resend.leftOut.join(", ")}.</p>}
        <button type="button" data-copy="curl">Copy</button>
      </section>
    </>
  );
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
      {isFinal(task.state) && task.state !== "succeeded"
        ? (
          <Action call={`POST ${path}/retry`} done="Queued again" undo={`DELETE ${path}`}>
            Retry
          </Action>
        )
        : null}
    </p>
  );
}

function Timeline({ task, now }: { task: TaskRecord; now: number }) {
  const { attempts, state, attempt, dueAt } = task;
  return (
    <ol class="timeline">
      <li>
        <strong>Accepted</strong> <Moment at={task.createdAt} now={now} />
      </li>
      {attempts.map((one) => <Attempt attempt={one} now={now} />)}
      {state === "running"
        ? (
          <li>
            <strong>Attempt {attempt}</strong> <Badge word="running" />
          </li>
        )
        : null}
      {state === "queued" && dueAt !== undefined
        ? (
          <li>
            <strong>Attempt {attempt + 1}</strong> {dueAt > now
              ? (
                <>
                  due <Moment at={dueAt} now={now} />
                </>
              )
              : "is due"}
          </li>
        )
        : null}
      {task.finishedAt === undefined ? null : (
        <li>
          <Badge word={state} /> <Moment at={task.finishedAt} now={now} /> ·{" "}
          {duration(task.finishedAt - task.createdAt)} after acceptance
        </li>
      )}
    </ol>
  );
}

function Attempt({ attempt, now }: { attempt: AttemptRecord; now: number }) {
  const { number, startedAt, endedAt, outcome, error, evidence } = attempt;
  return (
    <li>
      <strong>Attempt {number}</strong> <Badge word={outcome} /> <Moment at={startedAt} now={now} />
      {" "}
      · took {duration(endedAt - startedAt)}
      {error ? <p class="error">{error.code}: {error.detail}</p> : null}
      {evidence === undefined ? null : (
        <details id={`evidence-${number}-${startedAt}`}>
          <summary>Evidence</summary>
          <Data value={evidence} />
        </details>
      )}
    </li>
  );
}

function Payload({ task, view }: { task: TaskRecord; view: Readonly<Record<string, unknown>> }) {
  if (view.payload === undefined) return <p>The payload was erased or cannot be read.</p>;
  const { html, ...rest } = view.payload as Record<string, unknown>;
  return (
    <>
      <Data value={rest} />
      {typeof html === "string"
        ? (
          <iframe
            class="mail"
            title="The HTML of the mail, without scripts and remote images"
            src={`/ui/tasks/${task.id}/mail`}
            sandbox=""
          >
          </iframe>
        )
        : null}
    </>
  );
}

function Data({ value }: { value: unknown }) {
  return <pre tabindex={0}><code>{JSON.stringify(value, null, 2)}</code></pre>;
}
