/**
 * `POST /notify` and `POST /fetch`, step by step.
 *
 * @module
 */

import type { HeldText } from "../../lib/json/held_text.ts";
import type { JsonText } from "../../lib/json.ts";
import { compact } from "../../lib/compact.ts";
import { jsonSteps, jsonTextSteps } from "../../lib/json/json_steps.ts";
import type { Inserted, Submission } from "../../queue/engine.ts";
import type { NewBatch } from "../../task/batch.ts";
import type { FollowUp, NewTask, TaskType } from "../../task/task.ts";
import { noCounts } from "../../task/state.ts";
import type { Parsed } from "../../task/issues.ts";
import { runInTurns, type Steps, turn } from "../../lib/steps.ts";
import { noTraces, type SpanAttributes, traceIdOf } from "../../lib/traces.ts";
import { isBatchRequest } from "../../task/input/parse_submit.ts";
import { maxQueuedOf } from "../../task/key_limits.ts";
import type { Draft, SubmitContext } from "../../task/input/new_task.ts";
import { nameOf, requireDraftScopes } from "../auth/auth.ts";
import { readJson, tooLarge } from "../request/body.ts";
import type { BodyBudget } from "../request/body_budget.ts";
import {
  hasLongPayload,
  isSet,
  preferredWait,
  query,
  type RequestContext,
  respond,
  respondInTurns,
  traceparentOf,
} from "../context.ts";
import { type Idempotent, openIdempotency } from "../request/idempotency.ts";
import type { WindowCounters } from "../stats/window_counters.ts";
import type { Dependencies } from "../dependencies.ts";
import { prefersLines } from "../request/quality.ts";
import { dryRunView } from "./dry_run.ts";
import { NOTHING_STORED, Refusal, refuseIssues, requireAccepting } from "../problems.ts";
import { openRateLimit } from "../request/rate_limit.ts";
import { TASK_TYPES } from "../request/task_filter.ts";
import { resultLines } from "../streams/results.ts";
import type { Route } from "../route.ts";
import { submittedBatchView } from "../views/batch_view.ts";
import { acceptedView, taskView, type View } from "../views/task_view.ts";
import { waitForBatch, waitForTask } from "../streams/wait_for.ts";

/** The largest single request to fetch, and the largest dry run that is answered at once. */
const SINGLE_BYTES = 2 ** 20;
/** A single request of at most this many bytes is parsed, and answered, at once. */
const QUICK_BYTES = 65_536;
const MAX_BYTES = 32 * 2 ** 20;

/** The routes that accept tasks. */
export function submitRoutes(
  dependencies: Dependencies,
  counters: WindowCounters,
  takeOf: BodyBudget,
): Route[] {
  const { engine, clock, ids, metrics, history, traces, log, acceptance } = dependencies;
  const rateOf = (name: string) => dependencies.keyLimits().get(name)?.rate ?? dependencies.rate;
  const takeToken = openRateLimit(rateOf, clock, engine.cluster?.takeToken.bind(engine.cluster));
  const idempotency = openIdempotency(clock);

  function submit(context: RequestContext, type: TaskType): Promise<Response> {
    const parent = traceparentOf(context.request);
    return traces === noTraces
      ? submitWithin(context, type, parent)
      : submitTraced(context, type, parent);
  }

  async function submitTraced(
    context: RequestContext,
    type: TaskType,
    parent: string | undefined,
  ): Promise<Response> {
    const span = traces.begin(`submit /${type}`, {
      parent,
      kind: "producer",
      attributes: SPAN_ATTRIBUTES[type],
    });
    try {
      const answered = await submitWithin(context, type, span.traceparent);
      span.end();
      return answered;
    } catch (error) {
      span.end({}, error instanceof Refusal ? error.code : "internal");
      throw error;
    }
  }

  async function submitWithin(
    context: RequestContext,
    type: TaskType,
    traceparent: string | undefined,
  ): Promise<Response> {
    const startedAt = clock.monotonic();
    const { request, caller, requestId } = context;
    requireAccepting(dependencies);
    const counted = takeToken(caller.name ?? "");
    const headers = counted && await counted;
    const isDryRun = isSet("dryRun", query(context, ["dryRun"]).dryRun);
    const holdsTexts = type === "notify";
    const take = takeOf(caller.name);
    const body = await readJson(request, MAX_BYTES, clock, { holdsTexts, take });
    let draft: Draft;
    let inserted: Inserted;
    try {
      const { text, size, value, held } = body;
      const owner = caller.name;
      const now = clock.now();
      const drafting = parseDraft(type, value, size, { ids, now, owner, requestId, traceparent });
      draft = drafting instanceof Promise ? await drafting : drafting;
      requireDraftScopes(caller, draft);
      if (isDryRun) {
        const view = await dryRunView(draft, dependencies.ports);
        const shown = draft.drafted.reduce((sum, { task }) => sum + task.payload.length, 0);
        return shown > SINGLE_BYTES
          ? await respondInTurns(context, 200, view, headers)
          : respond(context, 200, view, headers);
      }
      const given = held && request.headers.has("idempotency-key") ? held.fingerprint() : text;
      const beginning = idempotency.begin(request, `${owner ?? ""} POST /${type}`, given);
      const once = beginning instanceof Promise ? await beginning : beginning;
      inserted = held
        ? await storeLong(() => storeInSteps(draft, once, owner, held))
        : hasLongFollowUps(draft)
        ? await storeInSteps(draft, once, owner, undefined)
        : await insert(wholeOf(draft), once, owner);
    } finally {
      body.release();
    }
    const first = firstOf(inserted);
    if (first !== undefined) return answerReplay(context, first, headers);
    const endedAt = clock.monotonic();
    counters.accepted(draft.drafted.length, startedAt, endedAt);
    history.submitted(`key ${nameOf(caller)}`, draft.drafted.length);
    metrics.accepted(type, draft.drafted.length, (endedAt - startedAt) / 1_000);
    log.debug("Submit accepted", {
      tasks: draft.drafted.length,
      [draft.batch ? "batch" : "task"]: draft.batch?.id ?? draft.drafted[0]?.task.id,
      requestId,
      traceId: traceIdOf(traceparent),
    });
    return answerAccepted(context, draft, headers);
  }

  let longStored: Promise<unknown> = Promise.resolve();

  /** Long submits are stored one at a time: each takes twice its size in memory meanwhile. */
  function storeLong<Result>(store: () => Promise<Result>): Promise<Result> {
    const stored = longStored.then(store);
    longStored = stored.catch(() => {});
    return stored;
  }

  /** Stores a draft with long texts, in turns with other requests. */
  async function storeInSteps(
    draft: Draft,
    once: Idempotent | undefined,
    owner: string | undefined,
    held: HeldText | undefined,
  ): Promise<Inserted> {
    const parts = await runInTurns(storedSteps(draft, held), turn);
    held?.release();
    return await insert(parts, once, owner);
  }

  function insert(
    parts: Pick<Submission, "tasks" | "batch">,
    once: Idempotent | undefined,
    owner: string | undefined,
  ): Promise<Inserted> {
    const submission = owner === undefined ? parts : { ...parts, ...quotaOf(dependencies, owner) };
    if (!once) return engine.insert(submission);
    return engine.insert({ ...submission, idempotency: once.key }).finally(once.end);
  }

  function answerAccepted(
    context: RequestContext,
    draft: Draft,
    headers?: Headers,
  ): Response | Promise<Response> {
    const [first] = draft.drafted;
    const wait = preferredWait(context.request);
    if (!draft.batch) {
      if (!first) throw new TypeError("Cannot answer a submit without a task");
      const location = { location: `/tasks/${first.task.id}`, ...headers };
      if (wait === undefined) {
        const view = acceptedView(first);
        return hasLongPayload(view)
          ? respondInTurns(context, 202, view, location)
          : respond(context, 202, view, location);
      }
      return answerTask(context, first.task.id, wait, location);
    }
    const location = { location: `/batches/${draft.batch.id}`, ...headers };
    if (prefersLines(context.request.headers.get("accept"))) {
      return resultLines(dependencies, context, draft.batch.id, location, wait);
    }
    const tasks = draft.drafted.map(({ task }) => ({ id: task.id, state: "queued" as const }));
    const counts = { ...noCounts(), queued: tasks.length };
    const fresh = { id: draft.batch.id, total: tasks.length, counts, done: false };
    if (wait === undefined) {
      return respond(context, 202, submittedBatchView(fresh, tasks), location);
    }
    return answerBatch(context, draft.batch.id, wait, location);
  }

  /** Answers a repeated submit with the task or batch of the first one, as it is now. */
  async function answerReplay(
    context: RequestContext,
    id: string,
    headers?: Headers,
  ): Promise<Response> {
    const isBatch = id.startsWith("bat");
    const location = { location: `/${isBatch ? "batches" : "tasks"}/${id}`, ...headers };
    const wait = preferredWait(context.request);
    if (!isBatch) return await answerTask(context, id, wait, location);
    return prefersLines(context.request.headers.get("accept"))
      ? resultLines(dependencies, context, id, location, wait)
      : await answerBatch(context, id, wait, location);
  }

  async function answerTask(
    context: RequestContext,
    id: string,
    wait: number | undefined,
    headers: Headers,
  ) {
    const task = wait === undefined
      ? await engine.findBrief(id)
      : await waitForTask(dependencies, id, { ms: wait * 1_000, signal: context.request.signal });
    if (!task) throw new Refusal("not_found", "The task was accepted and has been deleted since");
    const isOver = task.finishedAt !== undefined;
    return respond(
      context,
      wait !== undefined && isOver ? 200 : 202,
      taskView(task),
      applied(headers, wait),
    );
  }

  async function answerBatch(
    context: RequestContext,
    id: string,
    wait: number | undefined,
    headers: Headers,
  ) {
    const batch = wait === undefined
      ? await engine.findBatch(id)
      : await waitForBatch(dependencies, id, { ms: wait * 1_000, signal: context.request.signal });
    if (!batch) throw new Refusal("not_found", "The batch was accepted and has been deleted since");
    const tasks = (await engine.batchTasks(id)).map(({ id, state }) => ({ id, state }));
    const view: View = submittedBatchView(batch, tasks);
    return respond(
      context,
      wait !== undefined && batch.done ? 200 : 202,
      view,
      applied(headers, wait),
    );
  }

  /** Parses a short single submit at once, and any other in turns with other requests. */
  function parseDraft(
    type: TaskType,
    body: unknown,
    size: number,
    context: SubmitContext,
  ): Draft | Promise<Draft> {
    const isBatch = isBatchRequest(body);
    if (type === "fetch" && size > SINGLE_BYTES && !isBatch) throw tooLarge(SINGLE_BYTES);
    if (size <= QUICK_BYTES && !isBatch) {
      return parsedOrRefused(acceptance[type](body, context));
    }
    return runInTurns(acceptance.steps(type, body, context), turn).then(parsedOrRefused);
  }

  return TASK_TYPES.map((type): Route => ({
    method: "POST",
    path: `/${type}`,
    scopes: [type],
    answer: (context) => submit(context, type),
  }));
}

const SPAN_ATTRIBUTES: Readonly<Record<TaskType, SpanAttributes>> = {
  notify: spanAttributes("notify"),
  fetch: spanAttributes("fetch"),
};

function spanAttributes(destination: string): SpanAttributes {
  return {
    "messaging.system": "postrider",
    "messaging.operation.name": "submit",
    "messaging.operation.type": "send",
    "messaging.destination.name": destination,
  };
}

type Headers = Readonly<Record<string, string>>;

function parsedOrRefused<Value>(parsed: Parsed<Value>): Value {
  if (parsed.issues) throw refuseIssues(parsed.issues);
  return parsed.value;
}

function applied(headers: Headers, wait: number | undefined): Headers {
  return wait === undefined ? headers : { ...headers, "preference-applied": `wait=${wait}` };
}

/** The id of the first submit when this one repeats it; throws a `Refusal` when nothing is stored. */
function firstOf(inserted: Inserted): string | undefined {
  switch (inserted.kind) {
    case "stored":
      return undefined;
    case "replayed":
      return inserted.id;
    case "conflict":
      throw new Refusal(
        "idempotency_conflict",
        "Expected the same body as in the first request with this Idempotency-Key",
      );
    case "refused":
      throw new Refusal(
        inserted.code,
        inserted.quota === undefined
          ? NOTHING_STORED
          : `Expected at most ${inserted.quota} queued tasks of this API key. ${NOTHING_STORED}`,
      );
  }
}

function wholeOf({ drafted, batch }: Draft): Pick<Submission, "tasks" | "batch"> {
  const tasks = drafted.map(({ task }) => task);
  return batch ? { tasks, batch } : { tasks };
}

/** Follow-ups whose payloads have more characters are written in steps. */
const LONG_FOLLOW_UPS = 65_536;

/** What is stored of a draft: each token is replaced by the long text that it stands for. */
function* storedSteps(
  { drafted, batch }: Draft,
  held: HeldText | undefined,
): Steps<{ readonly tasks: NewTask[]; readonly batch?: NewBatch }> {
  const tasks: NewTask[] = [];
  let last: { followUps: NewTask["followUps"]; text: JsonText } | undefined;
  for (const { task: { followUps, ...task } } of drafted) {
    const payload = held ? held.restore(task.payload) : task.payload;
    if (!followUps) {
      tasks.push({ ...task, payload });
      continue;
    }
    if (last?.followUps !== followUps) {
      // Bytes are handed to the queue without a copy, but to one task only.
      const text = !held && drafted.length === 1
        ? yield* jsonSteps(followUps)
        : yield* jsonTextSteps(followUps);
      last = {
        followUps,
        text: held && typeof text === "string" ? yield* held.restoreSteps(text) : text,
      };
    }
    tasks.push({ ...task, payload, followUpsText: last.text });
  }
  if (!held || !batch?.followUps) return { tasks, ...compact({ batch }) };
  const followUps: FollowUp[] = [];
  for (const { task, ...followUp } of batch.followUps) {
    const payload = yield* held.restoreSteps(task.payload);
    followUps.push({ ...followUp, task: { ...task, payload } });
  }
  return { tasks, batch: { ...batch, followUps } };
}

function hasLongFollowUps({ drafted }: Draft): boolean {
  return drafted.some(({ task: { followUps } }) => followUps !== undefined && isLong(followUps));
}

function isLong(followUps: readonly FollowUp[]): boolean {
  return followUps.some(({ task }) =>
    task.payload.length > LONG_FOLLOW_UPS || isLong(task.followUps ?? [])
  );
}

/** The quota of an API key, if it has one. */
export function quotaOf(
  { keyLimits, maxQueued, keys }: Pick<Dependencies, "keyLimits" | "maxQueued" | "keys">,
  owner: string | undefined,
): { readonly quota?: { readonly owner: string; readonly maxQueued: number } } {
  if (owner === undefined) return {};
  const most = maxQueuedOf(keyLimits().get(owner), {
    maxQueued,
    keys: new Set(keys().map(({ name }) => name)).size,
  });
  return most === undefined ? {} : { quota: { owner, maxQueued: most } };
}
