/**
 * Makes the tasks of parsed requests, as an engine keeps them.
 *
 * @module
 */

import { compact } from "../../lib/compact.ts";
import { hasLongText, jsonSteps } from "../../lib/json/json_steps.ts";
import { runAtOnce, type Steps } from "../../lib/steps.ts";
import type { IdSource } from "../../lib/ids.ts";
import { laneOf, type ParsedFetch } from "./fetch.ts";
import type { Requests } from "./batch_input.ts";
import { digestLane, type DigestOptions, windowEnd } from "./digest.ts";
import { fallbackSteps } from "./fallback.ts";
import type { ParsedNotify } from "./notify.ts";
import type { SubmitOptions } from "./options.ts";
import type { Payload } from "../payloads.ts";
import { afterQuiet } from "./quiet_hours.ts";
import { type Destination, type MailContext, type Outgoing, outgoingOf } from "./outgoing.ts";
import { maskUrl } from "../secrets.ts";
import type { NewBatch } from "../batch.ts";
import { type NewTask, withGiven } from "../task.ts";

/** The circumstances of a submit. */
export interface SubmitContext {
  /** Makes ids. */
  readonly ids: IdSource;
  /** When it is accepted, in milliseconds since the epoch. */
  readonly now: number;
  /** The name of the API key. */
  readonly owner?: string | undefined;
  /** What submits: `schedule:NAME` or `hook:NAME`; absent for a request. */
  readonly source?: string | undefined;
  /** The submit's `X-Request-Id`. */
  readonly requestId?: string | undefined;
  /** The submit's W3C `traceparent`. */
  readonly traceparent?: string | undefined;
}

/** A new task, and its payload before it became JSON text. */
export interface DraftedTask {
  /** As the engine keeps it. */
  readonly task: NewTask;
  /** The value of `task.payload`. */
  readonly payload: Payload;
}

/** Tasks to be stored together or not at all. */
export interface Draft {
  /** In the order of the request. */
  readonly drafted: readonly DraftedTask[];
  /** Their batch. */
  readonly batch?: NewBatch;
  /** The caller chose a host to call, which takes the scope `fetch`. */
  readonly anyHost?: true;
}

/** Makes tasks of notifications, one step each: a task for its mail, and one for each of its notes. */
export function draftNotify(
  asked: Requests<ParsedNotify>,
  context: SubmitContext,
  sentBy: MailContext,
): Steps<Draft> {
  return draft(
    asked.requests.some(isMany) ? { ...asked, isBatch: true } : asked,
    context,
    (request, batchId) => notifyTaskSteps(request, context, sentBy, batchId),
  );
}

/** The draft of a single short notification, made without steps. */
export function draftShortNotify(
  request: ParsedNotify,
  context: SubmitContext,
  sentBy: MailContext,
): Draft {
  const batch = isMany(request) ? newBatch(context) : undefined;
  const { fallback, options } = request;
  const followUps = fallback && runAtOnce(fallbackSteps(fallback, options, sentBy, context.now));
  const drafted = notifyTasks(request, context, sentBy, batch?.id, followUps).map(written);
  return batch ? { drafted, batch } : { drafted };
}

function isMany({ mail, notes }: ParsedNotify): boolean {
  return notes.length + (mail ? 1 : 0) > 1;
}

function* notifyTaskSteps(
  request: ParsedNotify,
  context: SubmitContext,
  sentBy: MailContext,
  batchId: string | undefined,
): Steps<Unwritten[]> {
  const { fallback, options } = request;
  const followUps = fallback && (yield* fallbackSteps(fallback, options, sentBy, context.now));
  return notifyTasks(request, context, sentBy, batchId, followUps);
}

function notifyTasks(
  request: ParsedNotify,
  context: SubmitContext,
  sentBy: MailContext,
  batchId: string | undefined,
  followUps: NewTask["followUps"],
): Unwritten[] {
  const { options, quiet, digest } = request;
  return outgoingOf(request, sentBy).map((outgoing) => {
    const { place, payload } = digest ? gatheredLater(outgoing, digest, context.owner) : outgoing;
    const task = newTask(place, options, context, batchId);
    if (quiet) task.dueAt = afterQuiet(task.dueAt, quiet);
    if (digest) task.dueAt = windowEnd(task.dueAt, digest);
    if (followUps) task.followUps = [...task.followUps ?? [], ...followUps];
    return { task, payload };
  });
}

function gatheredLater(
  { place, payload }: Outgoing,
  digest: DigestOptions,
  owner: string | undefined,
): Outgoing {
  return {
    place: { ...place, lane: digestLane(place.channel, payload, digest, owner) },
    payload: { ...payload, digestMax: digest.max } as Payload,
  };
}

/** Makes tasks of HTTP requests, one step each. */
export function draftFetch(asked: Requests<ParsedFetch>, context: SubmitContext): Steps<Draft> {
  return draft(asked, context, (request, batchId) => [fetchTask(request, context, batchId)]);
}

/** The draft of a single short request, made without steps. */
export function draftShortFetch(request: ParsedFetch, context: SubmitContext): Draft {
  return { drafted: [written(fetchTask(request, context, undefined))] };
}

function fetchTask(
  { options, payload: given, target }: ParsedFetch,
  context: SubmitContext,
  batchId: string | undefined,
): Unwritten {
  const { owner } = context;
  const payload = given.ifChanged ? { ...given, ifChanged: compact({ owner }) } : given;
  const label = `${payload.method} ${maskUrl(payload.url)}`;
  const place = { type: "fetch", channel: "http", lane: laneOf(target), label } as const;
  return { task: newTask(place, options, context, batchId), payload };
}

/** What making a task costs, in about microseconds, in addition to its payload (500 characters a microsecond). */
const TASK_COST = 10;

/** A task whose payload is not yet JSON text. */
interface Unwritten {
  readonly task: Mutable<NewTask>;
  readonly payload: Payload;
}

function written(unwritten: Unwritten): DraftedTask {
  unwritten.task.payload = JSON.stringify(unwritten.payload);
  return unwritten;
}

function* draft<Request>(
  { isBatch, requests, concurrency }: Requests<Request>,
  context: SubmitContext,
  make: (request: Request, batchId: string | undefined) => Unwritten[] | Steps<Unwritten[]>,
): Steps<Draft> {
  const batch = isBatch ? newBatch(context, concurrency) : undefined;
  const drafted: DraftedTask[] = [];
  for (const request of requests) {
    const made = make(request, batch?.id);
    for (const { task, payload } of Array.isArray(made) ? made : yield* made) {
      if (hasLongText(payload)) task.payload = yield* jsonSteps(payload);
      else {
        task.payload = JSON.stringify(payload);
        if (isBatch) yield TASK_COST + task.payload.length / 500;
      }
      drafted.push({ task, payload });
    }
  }
  return batch ? { drafted, batch } : { drafted };
}

function newBatch({ ids, now, owner }: SubmitContext, concurrency?: number): NewBatch {
  return { id: ids("bat"), createdAt: now, ...compact({ owner, concurrency }) };
}

/** A task without its payload. */
function newTask(
  place: Destination,
  options: SubmitOptions,
  { ids, now, owner, source, requestId, traceparent }: SubmitContext,
  batchId: string | undefined,
): Mutable<NewTask> {
  const { delayMs, runAt, expiresMs } = options;
  const expiresAt = expiresMs === undefined ? options.expiresAt : now + expiresMs;
  // Written out, not spread: every submit comes through here.
  const task: Mutable<NewTask> = {
    id: ids("tsk"),
    type: place.type,
    channel: place.channel,
    lane: place.lane,
    payload: "",
    label: place.label,
    createdAt: now,
    dueAt: delayMs === undefined ? Math.max(now, runAt ?? now) : now + delayMs,
    priority: options.priority,
    retry: options.retry,
    timeoutMs: options.timeoutMs,
    onUnknown: options.onUnknown,
  };
  withGiven(task, options);
  if (expiresAt !== undefined) task.expiresAt = expiresAt;
  if (options.retain !== undefined) task.retain = options.retain;
  if (options.followUps !== undefined) task.followUps = options.followUps;
  if (batchId !== undefined) task.batchId = batchId;
  if (owner !== undefined) task.owner = owner;
  if (source !== undefined) task.source = source;
  if (requestId !== undefined) task.requestId = requestId;
  if (traceparent !== undefined) task.traceparent = traceparent;
  return task;
}

type Mutable<Type> = { -readonly [Name in keyof Type]: Type[Name] };
