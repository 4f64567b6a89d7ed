/**
 * What follows a task or a batch when it has ended: callbacks and chained tasks.
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
import { type EventData, fillLabel, fillPayload } from "./placeholders.ts";
import { isFinal } from "./state.ts";
import type { BatchRecord } from "./batch.ts";
import type { FollowUp, FollowUpTask, NewTask, TaskRecord } from "./task.ts";

/** What an end happens in. */
export interface EndContext {
  /** Makes the ids. */
  readonly ids: IdSource;
  /** The moment of the end, in milliseconds since the epoch. */
  readonly now: number;
}

/**
 * The tasks that follow the end of `parent`. None follows a shutdown: whoever
 * revives the parent gets them at its later end.
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
      ...(kind === "chain" ? filled(task, { task: taskEventData(parent) }) : {
        label: task.label,
        payload: kind === "callback"
          ? withBody(task.payload, taskEvent(parent, now))
          : task.payload,
      }),
      ...given(parent),
    })
  );
}

/** The tasks that follow the end of a batch; what a caller has cancelled has no chain. */
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
        ? { label: task.label, payload: withBody(task.payload, batchEvent(batch, tasks, now)) }
        : filled(task, { batch: batchEventData(batch, tasks) })),
      ...compact({ owner: batch.owner, source: tasks[0]?.source }),
    })
  );
}

/** Payload and label with their placeholders filled in. */
function filled({ payload, label }: FollowUpTask, data: EventData) {
  return { payload: fillPayload(payload, data), label: fillLabel(label, data) };
}

/** Version 0.1 kept the follow-ups of a follow-up, as a fallback has them, under another name. */
type KeptFollowUp = FollowUpTask & { readonly followers?: FollowUpTask["followUps"] };

function born(
  { delayMs, runAt, expiresMs, expiresAt, followers, ...task }: KeptFollowUp,
  { now, ...made }:
    & Pick<
      NewTask,
      "id" | "label" | "payload" | "parentId" | "owner" | "source" | "requestId" | "traceparent"
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

function withBody(payload: string, body: string): string {
  return JSON.stringify({ ...JSON.parse(payload), body });
}
