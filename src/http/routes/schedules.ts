/**
 * `/schedules`: recurring tasks.
 *
 * @module
 */

import { compact } from "../../lib/compact.ts";
import {
  nextTick,
  nextTicks,
  parseSchedule,
  type ScheduleSpec,
  whenView,
} from "../../schedules/schedule.ts";
import { cronWords } from "../../schedules/cron_words.ts";
import { freshRecord, redefined, type ScheduleRecord } from "../../schedules/schedule_record.ts";
import type { Schedule } from "../../schedules/scheduler.ts";
import { type Caller, mayOperate, maySee, requireDraftScopes, requireScope } from "../auth/auth.ts";
import type { QueueEngine } from "../../queue/engine.ts";
import type { TaskState } from "../../task/state.ts";
import { parseBodyText } from "../../task/input/body_text.ts";
import { readJson } from "../request/body.ts";
import { TASK_TYPES } from "../request/task_filter.ts";
import { checkedPatch } from "../request/patch.ts";
import { isSet, param, query, type RequestContext, respond } from "../context.ts";
import type { Dependencies } from "../dependencies.ts";
import { EXPECTED_NAME, isName } from "../../lib/names.ts";
import type { Issue } from "../../task/issues.ts";
import { mergePatch } from "../../lib/json/merge_patch.ts";
import { isPlainObject } from "../../lib/json.ts";
import type { Json } from "../../task/task.ts";
import { NOTHING_STORED, Refusal, refuseIssues, requireAccepting } from "../problems.ts";
import type { Route } from "../route.ts";
import { notFound, requireOperation } from "../auth/access.ts";
import { timeView } from "../views/time_view.ts";
import type { View } from "../views/task_view.ts";

const MAX_BYTES = 2 ** 20;
/** The most schedules of one API key, and of all callers without a key together. */
const MAX_SCHEDULES = 200;
const TOO_MANY = `Expected at most ${MAX_SCHEDULES} schedules for an API key: delete one first`;
/** How many of the next times are shown. */
const NEXT_TIMES = 5;
/** A batch has the worst of its tasks' final states. */
const BATCH_ENDS: readonly TaskState[] = ["failed", "expired", "cancelled", "succeeded"];

/** The routes under `/schedules`. */
export function scheduleRoutes(dependencies: Dependencies): Route[] {
  const { engine, schedules, clock, ids, acceptance } = dependencies;

  /** The schedule of the path. */
  function seen(context: RequestContext): Schedule {
    const schedule = schedules.find(param(context, "name"));
    if (!schedule || !maySee(context.caller, schedule.record.owner)) throw notFound("schedule");
    query(context, []);
    return schedule;
  }

  /** The schedule of the path, if the caller may change it. */
  function operated(context: RequestContext, parameters: readonly "dryRun"[] = []): Schedule {
    const schedule = permitted(context);
    query(context, parameters);
    return schedule;
  }

  function permitted(context: RequestContext): Schedule {
    const schedule = schedules.find(param(context, "name"));
    if (!schedule) throw notFound("schedule");
    requireOperation(context.caller, schedule.record.owner, "schedule");
    return schedule;
  }

  /** The same, if it may be deleted or defined anew. */
  function changeable(context: RequestContext): Schedule {
    const schedule = permitted(context);
    requireChange(context.caller, schedule.record);
    return schedule;
  }

  function list(context: RequestContext): Response {
    query(context, []);
    const data = schedules.list().filter(({ record }) => maySee(context.caller, record.owner));
    return respond(context, 200, {
      data: data.map((schedule) => scheduleView(schedule, label(schedule))),
    });
  }

  async function put(context: RequestContext): Promise<Response> {
    requireChange(context.caller, schedules.find(param(context, "name"))?.record);
    const isDryRun = isDryRunOf(context);
    requireAccepting(dependencies);
    const name = param(context, "name");
    if (!isName(name)) throw refuseIssues([{ pointer: "/name", detail: EXPECTED_NAME }]);
    const { value } = await readJson(context.request, MAX_BYTES, clock);
    return await define(context, name, value, isDryRun);
  }

  /** Changes some fields of a schedule and keeps the others, secrets included. */
  async function patch(context: RequestContext): Promise<Response> {
    const { name, record } = changeable(context);
    requireScope(context.caller, record.spec.type);
    const isDryRun = isDryRunOf(context);
    requireAccepting(dependencies);
    const { value } = await readJson(context.request, MAX_BYTES, clock);
    const definition = mergePatch(definitionOf(record), checkedPatch(value));
    return await define(context, name, definition, isDryRun);
  }

  async function define(
    context: RequestContext,
    name: string,
    definition: unknown,
    isDryRun: boolean,
  ): Promise<Response> {
    for (const type of TASK_TYPES) {
      if (isPlainObject(definition) && Object.hasOwn(definition, type)) {
        requireScope(context.caller, type);
      }
    }
    const parsed = parseSchedule(definition, clock.now());
    if (parsed.issues) throw refuseIssues(parsed.issues);
    const { type, body } = parsed.value;
    const now = clock.now();
    const tried = acceptance[type](parseBodyText(body), { ids, now });
    const at = (issue: Issue) => ({ ...issue, pointer: `/${type}${issue.pointer}` });
    if (tried.issues) throw refuseIssues(tried.issues.map(at));
    requireDraftScopes(context.caller, tried.value);
    // By the first run, a time such as `expires` may have passed.
    const firstAt = nextTick(parsed.value, now, now) ?? now;
    const { issues = [] } = acceptance[type](parseBodyText(body), { ids, now: firstAt });
    if (issues.length > 0) {
      const when = `At the first run, ${timeView(firstAt)}`;
      throw refuseIssues(
        issues.map(at).map((issue) => ({
          ...issue,
          detail: `${when}: ${issue.detail}`,
        })),
      );
    }
    const owner = context.caller.name;
    const before = schedules.find(name);
    if (isDryRun) {
      requireChange(context.caller, before?.record);
      const record = freshRecord(parsed.value, "api", clock.now(), owner);
      return answerOne(context, 200, { name, version: 0, record });
    }
    const schedule = await schedules.change(name, (before, ownedBy) => {
      requireChange(context.caller, before);
      if (before) return redefined(before, parsed.value, "api", clock.now());
      if (ownedBy(owner) >= MAX_SCHEDULES) throw refuseIssues([{ pointer: "", detail: TOO_MANY }]);
      return freshRecord(parsed.value, "api", clock.now(), owner);
    });
    const location = { location: `/schedules/${name}` };
    return answerOne(context, before ? 200 : 201, schedule, location);
  }

  async function remove(context: RequestContext): Promise<Response> {
    const { name } = changeable(context);
    query(context, []);
    await schedules.change(name, (before) => {
      requireChange(context.caller, before);
      return undefined;
    });
    return new Response(null, { status: 204, headers: { "x-request-id": context.requestId } });
  }

  async function run(context: RequestContext): Promise<Response> {
    const { name } = operated(context);
    requireAccepting(dependencies);
    const made = await schedules.runNow(name);
    if (!made) throw new Refusal("not_found", "The schedule no longer exists");
    if ("refused" in made) throw new Refusal(made.refused, NOTHING_STORED);
    if ("error" in made) throw new Refusal("invalid", made.error);
    const place = made.id.startsWith("bat") ? "batches" : "tasks";
    return answerOne(context, 202, schedules.find(name), { location: `/${place}/${made.id}` });
  }

  async function pause(context: RequestContext): Promise<Response> {
    const { name } = operated(context);
    const schedule = await schedules.change(name, (before) => {
      return before?.paused ? "keep" : before && { ...before, paused: true };
    });
    return answerOne(context, 200, schedule);
  }

  async function resume(context: RequestContext): Promise<Response> {
    const { name } = operated(context);
    const schedule = await schedules.change(name, (before) => {
      if (!before?.paused) return before ? "keep" : undefined;
      const { paused: _, ...record } = before;
      // Runs whose time passed during the pause do not count as missed.
      const nextAt = nextTick(record.spec, clock.now(), record.createdAt);
      const isAhead = record.nextAt !== undefined && nextAt !== undefined && record.nextAt > nextAt;
      return isAhead ? record : { ...record, ...compact({ nextAt }) };
    });
    return answerOne(context, 200, schedule);
  }

  async function answerOne(
    context: RequestContext,
    status: number,
    schedule: Schedule | undefined,
    headers: Record<string, string> = {},
  ): Promise<Response> {
    if (!schedule) throw new Refusal("not_found", "The schedule no longer exists");
    const { spec, createdAt, lastRuns = [], paused, nextAt } = schedule.record;
    const more = paused || nextAt === undefined
      ? []
      : [nextAt, ...nextTicks(spec, nextAt, createdAt, NEXT_TIMES - 1)];
    const runs = await Promise.all(
      lastRuns.map(async ({ id, at }) => ({
        id,
        at: timeView(at),
        state: await stateOfRun(engine, id),
      })),
    );
    // The label shows parts of the payload, which a key with `operate` alone may not see.
    const isSeen = maySee(context.caller, schedule.record.owner);
    const view = scheduleView(schedule, isSeen ? label(schedule) : undefined);
    const whole = { ...view, lastRuns: runs, nextTimes: more.map(timeView) };
    return respond(context, status, whole, headers);
  }

  /** The label of the task that a run would create; it holds no secrets. */
  function label(schedule: Schedule): string | undefined {
    const { spec } = schedule.record;
    const context = { ids: () => "", now: clock.now() };
    const drafted = acceptance[spec.type](parseBodyText(spec.body), context);
    return drafted.issues ? undefined : drafted.value.drafted[0]?.task.label;
  }

  const one = "/schedules/{name}";
  const changing = { takesNoBody: true, permit: permitted } as const;
  return [
    { method: "GET", path: "/schedules", answer: list },
    { method: "PUT", path: one, scopes: ["notify", "fetch"], answer: put },
    {
      method: "GET",
      path: one,
      answer: (context) => answerOne(context, 200, seen(context)),
    },
    { method: "PATCH", path: one, answer: patch },
    { method: "DELETE", path: one, takesNoBody: true, permit: changeable, answer: remove },
    { method: "POST", path: `${one}/run`, ...changing, answer: run },
    { method: "POST", path: `${one}/pause`, ...changing, answer: pause },
    { method: "POST", path: `${one}/resume`, ...changing, answer: resume },
  ];
}

function isDryRunOf(context: RequestContext): boolean {
  return isSet("dryRun", query(context, ["dryRun"]).dryRun);
}

/** The state of a task, or of a batch as if it were one; `undefined` once it is deleted. */
export async function stateOfRun(
  engine: QueueEngine,
  id: string,
): Promise<TaskState | undefined> {
  if (!id.startsWith("bat")) return (await engine.findBrief(id))?.state;
  const batch = await engine.findBatch(id);
  if (!batch) return undefined;
  const { counts, done } = batch;
  if (!done) return counts.running > 0 ? "running" : "queued";
  return BATCH_ENDS.find((state) => counts[state] > 0);
}

/** A schedule as a request defines it, with its secrets. */
export function definitionOf({ spec }: { readonly spec: ScheduleSpec }): Record<string, Json> {
  const { overlap, missed, type, body } = spec;
  return { ...whenView(spec), overlap, missed, [type]: JSON.parse(body) };
}

/** Throws a `Refusal` unless the caller may define this schedule anew, or delete it. */
function requireChange(caller: Caller, before: ScheduleRecord | undefined): void {
  if (!before) return;
  const { owner, source } = before;
  if (source === "file" && (maySee(caller, owner) || mayOperate(caller, owner))) {
    throw new Refusal(
      "forbidden",
      "The schedule is defined in postrider.yaml: change it there and reload",
    );
  }
  requireOperation(caller, owner, "schedule");
}

function scheduleView(schedule: Schedule, label: string | undefined): View {
  const { spec, source, owner, paused, nextAt, lastAt, lastId, runs, skipped, error } =
    schedule.record;
  return {
    name: schedule.name,
    ...whenView(spec),
    description: spec.cron === undefined ? undefined : cronWords(spec.cron),
    type: spec.type,
    label,
    overlap: spec.overlap,
    missed: spec.missed,
    source,
    owner,
    paused: paused === true,
    over: nextAt === undefined ? true : undefined,
    nextAt: paused ? undefined : timeView(nextAt),
    lastAt: timeView(lastAt),
    lastId,
    runs,
    skipped,
    error,
  };
}
