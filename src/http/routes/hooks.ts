/**
 * `POST /hooks/{name}`, and the deliveries received there.
 *
 * @module
 */

import type { HookReceiver, Received } from "../../hooks/hooks.ts";
import type { Hook } from "../../hooks/hook_settings.ts";
import type { DeliverySummary } from "../../task/trigger.ts";
import { readRaw } from "../request/body.ts";
import { param, query, type RequestContext, respond } from "../context.ts";
import { pageOf, refuseCursor } from "../request/task_filter.ts";
import type { Dependencies } from "../dependencies.ts";
import { NOTHING_STORED, Refusal, requireAccepting } from "../problems.ts";
import type { Route } from "../route.ts";
import { timeView } from "../views/time_view.ts";
import type { View } from "../views/task_view.ts";

/** The routes under `/hooks`. */
export function hookRoutes(dependencies: Dependencies): Route[] {
  const { engine, clock, hooks } = dependencies;

  async function receive(context: RequestContext): Promise<Response> {
    requireAccepting(dependencies);
    const hook = hookOf(hooks, context);
    const body = await readRaw(context.request, hook.maxBytes, clock);
    const { headers } = context.request;
    const got = await hooks.receive(hook, { headers, body, requestId: context.requestId });
    return answerReceived(context, got, hook);
  }

  async function replay(context: RequestContext): Promise<Response> {
    query(context, []);
    requireAccepting(dependencies);
    return answerReceived(
      context,
      await hooks.replay(hookOf(hooks, context), param(context, "id"), context.requestId),
    );
  }

  function list(context: RequestContext): Response {
    query(context, []);
    const data = hooks.list().map(({ name, preset, maxBytes, tasks }) => ({
      name,
      preset: preset.name,
      path: `/hooks/${name}`,
      maxBytes,
      tasks: tasks.map(({ type }) => type),
    }));
    return respond(context, 200, { data });
  }

  async function deliveries(context: RequestContext): Promise<Response> {
    const { limit, cursor } = pageOf(context);
    const hook = hookOf(hooks, context);
    const page = await engine.deliveries(hook.name, limit, cursor).catch(refuseCursor);
    return respond(context, 200, {
      data: page.deliveries.map(deliveryView),
      nextCursor: page.nextCursor,
    });
  }

  return [
    { method: "GET", path: "/hooks", scopes: ["read"], answer: list },
    { method: "POST", path: "/hooks/{name}", open: true, answer: receive },
    { method: "GET", path: "/hooks/{name}/deliveries", scopes: ["read"], answer: deliveries },
    {
      method: "POST",
      path: "/hooks/{name}/deliveries/{id}/replay",
      scopes: ["operate"],
      takesNoBody: true,
      answer: replay,
    },
  ];
}

/** The hook of the path. */
export function hookOf(hooks: HookReceiver, context: RequestContext): Hook {
  const hook = hooks.find(param(context, "name"));
  if (!hook) throw new Refusal("not_found", "No such hook: hooks are defined in postrider.yaml");
  return hook;
}

function answerReceived(context: RequestContext, got: Received, hook?: Hook): Response {
  switch (got.kind) {
    case "stored":
      return respond(context, 202, {
        ...deliveryView(got.delivery),
        duplicate: got.duplicate,
      });
    case "challenge":
      return respond(context, 200, { challenge: got.value });
    case "forged":
      // One text for every cause, so that it reveals nothing about the secret.
      throw new Refusal("unauthorized", {
        title: "Signature or token rejected",
        detail: "This delivery could not be verified with a secret of the hook",
        headers: hook?.preset.sender.asksForLogin
          ? { "www-authenticate": 'Basic realm="Postrider", charset="UTF-8"' }
          : {},
      });
    case "limited": {
      const seconds = Math.ceil(got.retryAfterMs / 1_000);
      const headers = { "retry-after": `${seconds}` };
      throw new Refusal("rate_limited", { detail: `Retry after ${seconds} s`, headers });
    }
    case "refused":
      throw new Refusal(got.code, NOTHING_STORED);
    case "not_found":
      throw new Refusal("not_found", "No such delivery of this hook");
  }
}

function deliveryView({ id, hook, receivedAt, verdict }: DeliverySummary): View {
  const { kind, ...rest } = verdict as { kind: string };
  return { id, hook, receivedAt: timeView(receivedAt), verdict: kind, ...rest };
}
