/**
 * The tasks that follow the end of a task or a batch: callbacks, chained tasks, fallbacks.
 *
 * A follow-up is decided when its parent is accepted, and kept with it. The
 * engine makes its task in the transaction that ends the parent, so that there
 * is one exactly when there is an end.
 *
 * @module
 */

import { compact } from "../lib/compact.ts";
import type { IdSource } from "../lib/ids.ts";
import {
  batchEvent,
  batchEventData,
  type EndedTask,
  taskEvent,
  taskEventData,
} from "./event_data.ts";
import { maskSecrets, secretsOf } from "./echoed_secrets.ts";
import { type EventData, fillLine, fillPayload } from "./placeholders.ts";
import { isFinal } from "./state.ts";
import type { BatchRecord } from "./batch.ts";
import type { FollowUp, FollowUpTask, NewTask, TaskRecord } from "./task.ts";

/** The circumstances of an end. */
export interface EndContext {
  /** Makes ids. */
  readonly ids: IdSource;
  /** When it ended, in milliseconds since the epoch. */
  readonly now: number;
}

/**
 * The tasks that follow the end of `parent`. None follows a shutdown: they follow
 * the later end of the revived parent.
 */
export function followUpsOf(
  parent: TaskRecord,
  followUps: readonly FollowUp[],
  { ids, now }: EndContext,
): NewTask[] {
  if (!isFinal(parent.state) || parent.reason === "shutdown") return [];
  return followUps.filter(({ on }) => on.includes(parent.state)).map(({ kind, task }) =>
    born(task, {
      id: ids("tsk"),
      now,
      parentId: parent.id,
      ...(kind === "callback"
        ? withBody(task, taskEvent(parent, now))
        : kind === "chain"
        ? filled(task, { task: taskEventData(parent) }, secretsOfTask(parent))
        : { payload: task.payload, label: task.label }),
      ...given(parent),
    })
  );
}

/** The tasks that follow the end of a batch; one that a caller cancelled has no chained tasks. */
export function followUpsOfBatch(
  batch: BatchRecord,
  tasks: readonly EndedTask[],
  followUps: readonly FollowUp[],
  { ids, now }: EndContext,
): NewTask[] {
  const cancelled = tasks.some(({ reason }) => reason === "batch");
  return followUps.filter(({ kind }) => kind === "callback" || !cancelled).map(({ kind, task }) =>
    born(task, {
      id: ids("tsk"),
      now,
      parentId: batch.id,
      ...(kind === "callback"
        ? withBody(task, batchEvent(batch, tasks, now))
        : filled(task, { batch: batchEventData(batch, tasks) })),
      ...compact({ owner: batch.owner, source: tasks[0]?.source }),
    })
  );
}

/** Version 0.1 kept the follow-ups of a follow-up, as a fallback has them, under another name. */
type KeptFollowUp = FollowUpTask & { readonly followers?: FollowUpTask["followUps"] };

function born(
  { delayMs, runAt, expiresMs, expiresAt, followers, ...task }: KeptFollowUp,
  { now, ...made }:
    & Pick<
      NewTask,
      "id" | "payload" | "label" | "parentId" | "owner" | "source" | "requestId" | "traceparent"
    >
    & { readonly now: number },
): NewTask {
  const endsAt = expiresMs === undefined ? expiresAt : now + expiresMs;
  return {
    ...compact({ followUps: followers }),
    ...task,
    ...made,
    createdAt: now,
    dueAt: delayMs === undefined ? Math.max(now, runAt ?? now) : now + delayMs,
    ...compact({ expiresAt: endsAt }),
  };
}

function given(
  { owner, source, requestId, traceparent }: TaskRecord,
): Pick<NewTask, "owner" | "source" | "requestId" | "traceparent"> {
  return compact({ owner, source, requestId, traceparent });
}

/** A label is searched and shown in lists, in UTF-16 code units. */
const MAX_LABEL = 1_000;

function secretsOfTask({ type, payload }: TaskRecord): string[] {
  return type !== "fetch" || payload === undefined ? [] : secretsOf(JSON.parse(payload));
}

type Content = Pick<FollowUpTask, "payload" | "label">;

function withBody({ payload, label }: Content, body: string): Content {
  return { payload: JSON.stringify({ ...JSON.parse(payload), body }), label };
}

/** The label of a task is shown in lists, so it is filled in like what it is made of. */
function filled(
  { type, payload, label }: FollowUpTask,
  data: EventData,
  secrets: readonly string[] = [],
): Content {
  // Others than the owner see labels too.
  const shown = secrets.length === 0 ? data : maskSecrets(data, secrets) as EventData;
  return {
    payload: fillPayload(payload, data),
    label: fillLine(type === "fetch" ? "url" : "subject", label, shown).slice(0, MAX_LABEL)
      .toWellFormed(),
  };
}
