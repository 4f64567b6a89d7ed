/**
 * `/tasks`: reading, cancelling and retrying tasks.
 *
 * @module
 */

import { compact } from "../../lib/compact.ts";
import type { Room } from "../../queue/engine.ts";
import { isFinal } from "../../task/state.ts";
import type { TaskRecord } from "../../task/task.ts";
import { maySee, nameOf, owns, requireScope } from "../auth/auth.ts";
import { isSet, query, type RequestContext, respond, waitOf } from "../context.ts";
import {
  FILTER_NAMES,
  filterOrAll,
  nextLink,
  readFilter,
  refuseCursor,
  selectionOf,
} from "../request/task_filter.ts";
import type { Dependencies } from "../dependencies.ts";
import { Refusal, requireAccepting } from "../problems.ts";
import type { Route } from "../route.ts";
import { narrowed, operatedTask, seenTask } from "../auth/access.ts";
import { viewForOthers } from "../views/others_view.ts";
import { summaryView, taskView, type View } from "../views/task_view.ts";
import { exportTasks } from "../streams/export.ts";
import type { LongTasks } from "../streams/long_tasks.ts";
import { respondWithProgress } from "../streams/progress.ts";
import { waitForTask } from "../streams/wait_for.ts";
import { waitingFor } from "../views/waiting_for.ts";
import { quotaOf } from "./submit.ts";

/** A hold that ends within this time, such as one of a rate limit, is no obstacle; in milliseconds. */
const MOMENT_MS = 5_000;
/** A count ends after this time even if it is not complete, in milliseconds. */
const MAX_COUNT_MS = 3_000;
const NOTHING_QUEUED = "Expected room in the queue. Nothing was queued again: try again later";

/** The routes under `/tasks`. */
export function taskRoutes(dependencies: Dependencies, longTasks: LongTasks): Route[] {
  const { engine, ports, clock } = dependencies;
  const view = async ({ caller }: RequestContext, task: TaskRecord): Promise<View> => {
    const progress = ports.progressOf(task.id);
    return owns(caller, task.owner)
      ? taskView(task, progress)
      : await viewForOthers(engine, task, progress);
  };
  /** A caller that may change a task may not be allowed to see its payload. */
  const changedView = async (context: RequestContext, task: TaskRecord): Promise<View> =>
    maySee(context.caller, task.owner)
      ? await view(context, task)
      : { ...summaryView(task), label: undefined };

  async function show(context: RequestContext): Promise<Response> {
    const task = await seenTask(engine, context);
    const ms = waitOf(context);
    const { signal } = context.request;
    const now = ms === undefined || isFinal(task.state)
      ? task
      : await waitForTask(dependencies, task.id, { ms, signal }) ?? task;
    return now.payloadBytes === undefined
      ? respond(context, 200, await wholeView(context, now))
      : await longTasks.answer(context, now, (whole) => wholeView(context, whole));
  }

  async function wholeView(context: RequestContext, task: TaskRecord): Promise<View> {
    if (task.state !== "queued") return await view(context, task);
    const [lane, pauses] = await Promise.all([engine.lane(task.lane), engine.pauses()]);
    const hindrances = { lane, pauses, worker: ports.worker() };
    return {
      ...await view(context, task),
      waitingFor: waitingFor(task, hindrances, clock.now()),
    };
  }

  async function list(context: RequestContext): Promise<Response> {
    const { filter, limit, cursor, format, byDue } = selectionOf(context, clock.now());
    if (format !== undefined) {
      const page = { filter: narrowed(filter, context), limit, ...compact({ cursor }) };
      return await exportTasks(engine, page, format, context).catch(refuseCursor);
    }
    const wanted = narrowed(filter, context);
    const page =
      await (byDue ? engine.upcoming(wanted, limit, cursor) : engine.list(wanted, limit, cursor))
        .catch(refuseCursor);
    const { nextCursor } = page;
    const body = { data: page.tasks.map(summaryView), nextCursor };
    return respond(context, 200, body, nextLink(context, nextCursor));
  }

  async function cancel(context: RequestContext): Promise<Response> {
    const { id } = await permitted(context);
    const { erase } = query(context, ["erase"]);
    if (isSet("erase", erase)) return await eraseOne(context, id);
    const cancelled = await engine.cancel(id, "request", nameOf(context.caller));
    const task = await present(id);
    if (cancelled === "too_late") {
      const detail = `It has already ${ended(task)}`;
      throw new Refusal("not_cancellable", { detail, task: await changedView(context, task) });
    }
    return respond(context, cancelled === "aborting" ? 202 : 200, await changedView(context, task));
  }

  /** The task of the path, if the caller may change it. An owner cannot erase it. */
  async function permitted(context: RequestContext): Promise<TaskRecord> {
    const task = await operatedTask(engine, context);
    if (context.hono.req.query("erase") !== undefined) requireScope(context.caller, "operate");
    return task;
  }

  /** Removes the files before the content: when that fails, the task still names them. */
  async function eraseOne(context: RequestContext, id: string): Promise<Response> {
    const task = await present(id);
    if (isFinal(task.state)) await dependencies.removeFiles(task.id);
    const erased = await engine.erase(task.id);
    const now = await present(task.id);
    if (erased === "not_final") {
      const detail = `Expected a final task, cancel it first; it is ${now.state}`;
      throw new Refusal("not_final", { detail, task: await changedView(context, now) });
    }
    return respond(context, 200, await changedView(context, now));
  }

  async function cancelAll(context: RequestContext): Promise<Response> {
    const filter = filterOrAll(context, "cancel everything that waits or runs", clock.now());
    const wanted = narrowed(filter, context, true);
    return await respondWithProgress(
      context,
      200,
      () => clock.now(),
      (onPart) => engine.cancelAll(wanted, "request", nameOf(context.caller), onPart),
    );
  }

  /** Counts until it is complete, the caller has left, or the time is up: rare matches take long. */
  async function count(context: RequestContext): Promise<Response> {
    const filter = narrowed(readFilter(query(context, FILTER_NAMES), clock.now()), context);
    const end = clock.monotonic() + MAX_COUNT_MS;
    const goesOn = () =>
      clock.monotonic() < end && !dependencies.closing.aborted && !context.request.signal.aborted;
    let sum = 0;
    let cursor: string | undefined;
    do {
      const part = await engine.count(filter, cursor);
      sum += part.count;
      cursor = part.nextCursor;
    } while (cursor !== undefined && goesOn());
    return respond(context, 200, { count: sum, complete: cursor === undefined });
  }

  async function retry(context: RequestContext): Promise<Response> {
    const { id } = await operatedTask(engine, context);
    query(context, []);
    requireAccepting(dependencies);
    const changed = await engine.revive(id, room());
    if (changed === "full") throw new Refusal("queue_full", NOTHING_QUEUED);
    const task = await present(id);
    if (changed === "not_possible") {
      const isErased = task.payload === undefined && task.payloadBytes === undefined;
      const detail = isErased && isFinal(task.state)
        ? "Its payload was erased"
        : `Expected a task that failed, was cancelled or expired; it is ${task.state}`;
      throw new Refusal("not_retryable", { detail, task: await changedView(context, task) });
    }
    return respond(context, 202, await changedView(context, task), { location: `/tasks/${id}` });
  }

  async function retryAll(context: RequestContext): Promise<Response> {
    requireAccepting(dependencies);
    const filter = filterOrAll(context, "retry everything that has ended", clock.now());
    const wanted = narrowed(filter, context, true);
    return await respondWithProgress(context, 202, () => clock.now(), async (onPart) => {
      const { full, ...revived } = await engine.reviveAll(wanted, room(), onPart);
      if (full > 0 && revived.retried === 0) throw new Refusal("queue_full", NOTHING_QUEUED);
      return { ...revived, ...(full > 0 ? { refused: full } : {}) };
    });
  }

  /**
   * How many tasks a retry may queue again: the limits for new tasks apply. The quota is that of
   * the API key that owns the task, also when another API key retries it.
   */
  function room(): Room {
    const quotas = dependencies.keys().flatMap(({ name }) => {
      const { quota } = quotaOf(dependencies, name);
      return quota ? [[quota.owner, quota.maxQueued] as const] : [];
    });
    return { maxQueued: dependencies.maxQueued, quotas: new Map(quotas) };
  }

  async function run(context: RequestContext): Promise<Response> {
    const { id, ...before } = await operatedTask(engine, context);
    query(context, []);
    const obstacle = await obstacleOf({ id, ...before });
    if (obstacle !== undefined) {
      const detail = `It waits for ${obstacle}`;
      throw new Refusal("not_retryable", {
        title: "Task cannot begin now",
        detail,
        task: await changedView(context, { id, ...before }),
      });
    }
    const changed = await engine.runNow(id);
    const task = await present(id);
    if (changed === "not_possible") {
      const detail = `Expected a queued task; it is ${task.state}`;
      throw new Refusal("not_retryable", { detail, task: await changedView(context, task) });
    }
    return respond(context, 202, await changedView(context, task), { location: `/tasks/${id}` });
  }

  /** What keeps a queued task from beginning now: a hold of its lane, or a task before it. */
  async function obstacleOf(task: TaskRecord): Promise<string | undefined> {
    if (task.state !== "queued") return undefined;
    const now = clock.now();
    const [lane, pauses] = await Promise.all([engine.lane(task.lane), engine.pauses()]);
    const { heldUntil = 0 } = lane;
    const isHeld = heldUntil > now + MOMENT_MS;
    if (!isHeld && task.behind === undefined) return undefined;
    const free = { lane: isHeld ? lane : { ...lane, running: 0, heldUntil: 0 }, pauses };
    return waitingFor(
      { ...task, dueAt: now },
      { ...free, worker: { running: 0, concurrency: 1 } },
      now,
    );
  }

  /** The task, which was there when the request began. */
  async function present(id: string): Promise<TaskRecord> {
    const task = await engine.findBrief(id);
    if (!task) throw new Refusal("not_found", "The task was deleted");
    return task;
  }

  /** A key with none of these never has tasks of its own to change. */
  const changing = { scopes: ["operate", "notify", "fetch"], takesNoBody: true } as const;
  const changingOne = { takesNoBody: true, permit: permitted } as const;
  return [
    { method: "GET", path: "/tasks", answer: list },
    { method: "DELETE", path: "/tasks", ...changing, answer: cancelAll },
    { method: "POST", path: "/tasks/retry", ...changing, answer: retryAll },
    { method: "GET", path: "/tasks/count", answer: count },
    { method: "GET", path: "/tasks/{id}", answer: show },
    { method: "DELETE", path: "/tasks/{id}", ...changingOne, answer: cancel },
    { method: "POST", path: "/tasks/{id}/retry", ...changingOne, answer: retry },
    { method: "POST", path: "/tasks/{id}/run", ...changingOne, answer: run },
  ];
}

function ended({ state }: TaskRecord): string {
  return state === "cancelled" ? "been cancelled" : state;
}
