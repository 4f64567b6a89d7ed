/**
 * `/schedules`: recurring tasks.
 *
 * @module
 */

import { shuttingDown } from "../problems.ts";
import { compact } from "../../lib/compact.ts";
import { isScheduleName, parseSchedule, whenView } from "../../schedules/schedule.ts";
import { freshRecord, recordOf, type ScheduleRecord } from "../../schedules/schedule_record.ts";
import { nextTick } from "../../schedules/schedule.ts";
import type { StoredSchedule } from "../../task/trigger.ts";
import { type Caller, mayOperate, maySee, requireScope } from "../auth/auth.ts";
import { readJson } from "../request/body.ts";
import { param, query, type RequestContext, respond } from "../context.ts";
import type { Dependencies } from "../dependencies.ts";
import { NOTHING_STORED, Refusal, refuseIssues } from "../problems.ts";
import type { Route } from "../route.ts";
import { requireFollowUpScopes } from "../auth/follow_up_scopes.ts";
import { timeView } from "../views/time_view.ts";
import type { View } from "../views/task_view.ts";

const MAX_BYTES = 2 ** 20;

/** The routes under `/schedules`. */
export function scheduleRoutes(dependencies: Dependencies): Route[] {
  const { schedules, clock, ids, acceptance } = dependencies;

  function found(context: RequestContext, allowed: typeof maySee): StoredSchedule {
    query(context, []);
    const kept = schedules.find(param(context, "name"));
    const owner = kept && recordOf(kept).owner;
    if (!kept || !maySee(context.caller, owner)) {
      throw new Refusal("not_found", "No such schedule, or this API key may not see it");
    }
    if (allowed(context.caller, owner)) return kept;
    throw new Refusal("forbidden", "Expected the owner's API key, or one with the scope operate");
  }

  function list(context: RequestContext): Response {
    query(context, []);
    const data = schedules.list().filter((kept) => maySee(context.caller, recordOf(kept).owner));
    return respond(context, 200, { data: data.map((kept) => scheduleView(kept, label(kept))) });
  }

  async function put(context: RequestContext): Promise<Response> {
    query(context, []);
    if (!dependencies.accepting()) {
      throw shuttingDown();
    }
    const name = param(context, "name");
    if (!isScheduleName(name)) {
      const detail = `Expected a name of letters, digits, ".", "_" and "-"`;
      throw refuseIssues([{ pointer: "/name", detail }]);
    }
    const { value } = await readJson(context.request, MAX_BYTES, clock);
    const parsed = parseSchedule(value, clock.now());
    if (parsed.issues) throw refuseIssues(parsed.issues);
    const { type, body } = parsed.value;
    requireScope(context.caller, type);
    const tried = acceptance[type](body, { ids, now: clock.now() });
    if (tried.issues) {
      throw refuseIssues(tried.issues.map((f) => ({ ...f, pointer: `/${type}${f.pointer}` })));
    }
    requireFollowUpScopes(context.caller, tried.value);
    const isNew = schedules.find(name) === undefined;
    const kept = await schedules.change(name, (before) => {
      requireChange(context.caller, before);
      const fresh = freshRecord(
        parsed.value,
        "api",
        clock.now(),
        before?.owner ?? context.caller.name,
      );
      if (!before) return fresh;
      const { lastAt, lastId, runs, skipped, paused } = before;
      return {
        ...fresh,
        runs,
        skipped,
        ...compact({ lastAt, lastId }),
        ...(paused ? { paused } : {}),
      };
    });
    const location = { location: `/schedules/${name}` };
    return answerOne(context, isNew ? 201 : 200, kept, location);
  }

  async function remove(context: RequestContext): Promise<Response> {
    const { name } = found(context, mayOperate);
    await schedules.change(name, (before) => {
      requireChange(context.caller, before);
      return undefined;
    });
    return new Response(null, { status: 204, headers: { "x-request-id": context.requestId } });
  }

  async function run(context: RequestContext): Promise<Response> {
    const { name } = found(context, mayOperate);
    if (!dependencies.accepting()) {
      throw shuttingDown();
    }
    const made = await schedules.runNow(name);
    if (!made) throw new Refusal("not_found", "The schedule no longer exists");
    if ("refused" in made) throw new Refusal(made.refused, NOTHING_STORED);
    if ("error" in made) throw new Refusal("invalid", made.error);
    const place = made.id.startsWith("bat") ? "batches" : "tasks";
    return answerOne(context, 202, schedules.find(name), { location: `/${place}/${made.id}` });
  }

  async function pause(context: RequestContext): Promise<Response> {
    const { name } = found(context, mayOperate);
    const kept = await schedules.change(name, (before) => before && { ...before, paused: true });
    return answerOne(context, 200, kept);
  }

  async function resume(context: RequestContext): Promise<Response> {
    const { name } = found(context, mayOperate);
    const kept = await schedules.change(name, (before) => {
      if (!before?.paused) return before ? "keep" : undefined;
      const { paused: _, ...record } = before;
      // Runs left out by the pause do not count as missed.
      const nextAt = nextTick(record.spec, clock.now(), record.createdAt);
      return { ...record, nextAt: Math.max(record.nextAt, nextAt) };
    });
    return answerOne(context, 200, kept);
  }

  function answerOne(
    context: RequestContext,
    status: number,
    kept: StoredSchedule | undefined,
    headers: Record<string, string> = {},
  ): Response {
    if (!kept) throw new Refusal("not_found", "The schedule no longer exists");
    return respond(context, status, scheduleView(kept, label(kept)), headers);
  }

  /** The label of the task that a run would create; it holds no secrets. */
  function label(kept: StoredSchedule): string | undefined {
    const { spec } = recordOf(kept);
    const drafted = acceptance[spec.type](spec.body, { ids: () => "", now: clock.now() });
    return drafted.issues ? undefined : drafted.value.drafted[0]?.task.label;
  }

  const one = "/schedules/{name}";
  return [
    { method: "GET", path: "/schedules", answer: list },
    { method: "PUT", path: one, answer: put },
    {
      method: "GET",
      path: one,
      answer: (context) => answerOne(context, 200, found(context, maySee)),
    },
    { method: "DELETE", path: one, answer: remove },
    { method: "POST", path: `${one}/run`, answer: run },
    { method: "POST", path: `${one}/pause`, answer: pause },
    { method: "POST", path: `${one}/resume`, answer: resume },
  ];
}

function requireChange(caller: Caller, before: ScheduleRecord | undefined): void {
  if (!before) return;
  if (before.source === "file") {
    throw new Refusal(
      "forbidden",
      "The schedule is defined in postrider.yaml: change it there and reload",
    );
  }
  if (!mayOperate(caller, before.owner)) {
    throw new Refusal("forbidden", "Expected the owner's API key, or one with the scope operate");
  }
}

function scheduleView(kept: StoredSchedule, label: string | undefined): View {
  const record = recordOf(kept);
  const { spec, source, owner, paused, lastId, runs, skipped, error } = record;
  return {
    name: kept.name,
    ...whenView(spec),
    type: spec.type,
    label,
    overlap: spec.overlap,
    missed: spec.missed,
    source,
    owner,
    paused: paused === true,
    nextAt: paused || record.nextAt === null ? undefined : timeView(record.nextAt),
    lastAt: timeView(record.lastAt),
    lastId,
    runs,
    skipped,
    error,
  };
}
