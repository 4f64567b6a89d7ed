/**
 * What happened to a task: its attempts in rounds, the waits between them, and what
 * each side said.
 *
 * @module
 */

import type { Child } from "hono/jsx";
import { isPlainObject } from "../../../lib/json.ts";
import type { AttemptRecord, TaskRecord } from "../../../task/task.ts";
import { Badge, bytes, duration, Moment } from "../components.tsx";
import { JsonTree } from "../json_tree.tsx";

/** What happened, in the order of time. `attempts` are those of the API, with masked evidence. */
export function Timeline(
  { task, attempts, startedAt, now }: {
    readonly task: TaskRecord;
    readonly attempts: readonly { readonly evidence?: unknown }[];
    /** When the attempt that runs on this node began. */
    readonly startedAt: number | undefined;
    readonly now: number;
  },
) {
  const { state, attempt, dueAt, createdAt, finishedAt } = task;
  let round = 1;
  let before = createdAt;
  const items: Child[] = task.attempts.map((one, index) => {
    const isNewRound = index > 0 && one.number <= (task.attempts[index - 1]?.number ?? 0);
    if (isNewRound) round++;
    const waitedMs = one.startedAt - before;
    before = one.endedAt;
    return (
      <>
        {isNewRound ? <li class="round">Round {round}: retried by hand</li> : null}
        {waitedMs >= 1_000 ? <li class="gap">waited {duration(waitedMs)}</li> : null}
        <Attempt attempt={one} evidence={attempts[index]?.evidence} now={now} />
      </>
    );
  });
  return (
    <ol class="timeline">
      <li class="accepted">
        <strong>Accepted</strong> <Moment at={createdAt} now={now} />
        {task.source === undefined ? null : <small>from {task.source}</small>}
      </li>
      {items}
      {state === "running"
        ? (
          <li class="running">
            <strong>Attempt {attempt}</strong> <Badge word="running" />{" "}
            <Moment at={startedAt} now={now} />
          </li>
        )
        : null}
      {state === "queued" && dueAt !== undefined
        ? (
          <li class="next">
            <strong>Attempt {attempt + 1}</strong> of {task.retry.length + 1} {dueAt > now
              ? (
                <>
                  due <Moment at={dueAt} now={now} />
                </>
              )
              : "is due"}
          </li>
        )
        : null}
      {finishedAt === undefined ? null : (
        <li class={state}>
          <Badge word={state} /> <Moment at={finishedAt} now={now} /> ·{" "}
          {duration(finishedAt - createdAt)} after acceptance
          {task.cancelledBy === undefined ? null : <small>by {task.cancelledBy}</small>}
        </li>
      )}
    </ol>
  );
}

function Attempt(
  { attempt, evidence, now }: {
    readonly attempt: AttemptRecord;
    readonly evidence: unknown;
    readonly now: number;
  },
) {
  const { number, startedAt, endedAt, outcome, error } = attempt;
  return (
    <li class={outcome}>
      <strong>Attempt {number}</strong> <Badge word={outcome} /> <Moment at={startedAt} now={now} />
      {" "}
      · took {duration(endedAt - startedAt)}
      {error ? <p class="error">{error.code}: {error.detail}</p> : null}
      <Said evidence={evidence} />
      {evidence === undefined ? null : (
        <details id={`evidence-${number}-${startedAt}`}>
          <summary>Evidence</summary>
          <JsonTree value={evidence} name={`evidence-${number}-${startedAt}`} />
        </details>
      )}
    </li>
  );
}

/** What the other side said, as far as the channel recorded it. */
function Said({ evidence }: { evidence: unknown }) {
  if (!isPlainObject(evidence)) return null;
  const { status, remote, reply, stage, tls, bytes: size, timings } = evidence;
  const ms = isPlainObject(timings) ? Object.entries(timings) : [];
  const parts: string[] = [];
  if (typeof status === "number") parts.push(`answered ${status}`);
  if (typeof reply === "string") parts.push(`replied “${reply}”`);
  if (typeof stage === "string") parts.push(`at ${stage}`);
  if (typeof remote === "string") parts.push(`from ${remote}${tls === true ? " over TLS" : ""}`);
  if (typeof size === "number") parts.push(bytes(size));
  for (const [name, value] of ms) {
    if (typeof value === "number") parts.push(`${wordsOf(name)} ${duration(value)}`);
  }
  return parts.length === 0 ? null : <p class="said">{parts.join(" · ")}</p>;
}

/** `firstByte` as `first byte`. */
function wordsOf(name: string): string {
  return name.replace(/Ms$/, "").replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}
