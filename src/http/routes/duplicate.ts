/**
 * `POST /tasks/{id}/duplicate`: submits a task once more, with its stored options and secrets.
 *
 * The body, if there is one, is a JSON merge patch (RFC 7396) of what would be
 * submitted. So a form can change one field without ever seeing the secrets of
 * the others.
 *
 * @module
 */

import { isPlainObject, type PlainObject } from "../../task/input/batch_input.ts";
import { compact } from "../../lib/compact.ts";
import { mergePatch } from "../../lib/json/merge_patch.ts";
import { submitBodyOf } from "../../task/resubmit.ts";
import type { Payload } from "../../task/payloads.ts";
import type { TaskRecord } from "../../task/task.ts";
import { isSameJson, type Json } from "../../lib/json.ts";
import { operatedTask } from "../auth/access.ts";
import { owns, requireScope } from "../auth/auth.ts";
import type { RequestContext } from "../context.ts";
import type { Dependencies } from "../dependencies.ts";
import { Refusal, refuseIssues } from "../problems.ts";
import { readJson } from "../request/body.ts";
import { checkedPatch } from "../request/patch.ts";
import { submitRequest } from "../request/submit_request.ts";
import type { BodyBudget, TakeBytes } from "../request/body_budget.ts";
import type { Route } from "../route.ts";
import type { LongTasks } from "../streams/long_tasks.ts";
import { payloadView } from "../views/task_view.ts";

const MAX_BYTES = 32 * 2 ** 20;

/** The route; `submits` contains `POST /notify` and `POST /fetch`. */
export function duplicateRoutes(
  { engine, clock }: Dependencies,
  submits: readonly Route[],
  takeOf: BodyBudget,
  longTasks: LongTasks,
): Route[] {
  async function duplicate(context: RequestContext): Promise<Response> {
    const task = await operatedTask(engine, context);
    requireScope(context.caller, task.type);
    const { request } = context;
    const patch = await patchOf(request, takeOf(context.caller.name));
    const followUps = await engine.followUps(task.id);
    const path = `/${task.type}`;
    const submit = submits.find((route) => route.path === path);
    if (!submit) throw new TypeError(`Cannot submit once more without POST ${path}`);
    const target = path + new URL(request.url).search;
    return await longTasks.withPayload(context, task, async (whole) => {
      const made = submitBodyOf(whole, followUps);
      if ("missing" in made) throw new Refusal("not_retryable", made.missing);
      const { body } = made;
      const changed = mergePatch(withoutReplaced(body, patch), withSpellingOf(patch, body));
      if (!owns(context.caller, whole.owner)) refuseNewReceiver(whole, changed);
      // Others would wait for the memory of a long one meanwhile.
      const further = task.payloadBytes === undefined ? ["prefer"] : [];
      const submitted = submitRequest(request, target, changed, further);
      return await submit.answer({ ...context, request: submitted });
    });
  }

  async function patchOf(request: Request, take: TakeBytes): Promise<PlainObject> {
    if (!request.headers.has("content-type")) return {};
    const { value, release } = await readJson(request, MAX_BYTES, clock, { take });
    // The submit of the changed task takes a share of its own.
    release();
    return checkedPatch(value);
  }

  return [{ method: "POST", path: "/tasks/{id}/duplicate", answer: duplicate }];
}

/**
 * Throws a `Refusal` when the secrets of another owner's request would go to another
 * origin: a caller who may operate a task may still not read them.
 */
function refuseNewReceiver({ payload = "{}" }: TaskRecord, { url }: PlainObject): void {
  const given: Payload = JSON.parse(payload);
  if (!("url" in given) || URL.parse(String(url))?.origin === new URL(given.url).origin) return;
  const { headers = {}, body } = payloadView(given);
  const isShown = isSameJson(headers as Json, { ...given.headers }) && body === given.body;
  if (isShown && given.bodyBase64 === undefined) return;
  throw refuseIssues([{
    pointer: "/url",
    detail: "Expected the origin of the task: its secrets belong to another API key",
  }]);
}

/**
 * The body without the follow-ups that the patch has: each is replaced as a whole, so that the
 * secrets of the old one never go to another receiver.
 */
function withoutReplaced(body: PlainObject, patch: PlainObject): PlainObject {
  const { onSuccess, onFailure, ...rest } = body;
  return {
    ...rest,
    ...compact({
      onSuccess: Object.hasOwn(patch, "onSuccess") ? undefined : onSuccess,
      onFailure: Object.hasOwn(patch, "onFailure") ? undefined : onFailure,
    }),
  };
}

/** The patch with the header names as the body spells them, because their case does not matter. */
function withSpellingOf(patch: PlainObject, { headers }: PlainObject): PlainObject {
  if (!isPlainObject(patch.headers) || !isPlainObject(headers)) return patch;
  const names = new Map(Object.keys(headers).map((name) => [name.toLowerCase(), name]));
  const renamed = Object.entries(patch.headers)
    .map(([name, value]) => [names.get(name.toLowerCase()) ?? name, value]);
  return { ...patch, headers: Object.fromEntries(renamed) };
}
