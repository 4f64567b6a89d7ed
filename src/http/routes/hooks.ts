/**
 * `POST /hooks/{name}`, and what has come in by it.
 *
 * @module
 */

import type { Received } from "../../hooks/hooks.ts";
import type { Hook } from "../../hooks/hook_settings.ts";
import type { DeliverySummary } from "../../task/trigger.ts";
import { requireScope } from "../auth/auth.ts";
import { readRaw } from "../request/body.ts";
import { param, query, type RequestContext, respond } from "../context.ts";
import { pageOf } from "../request/task_filter.ts";
import type { Dependencies } from "../dependencies.ts";
import { Refusal, refuseIssues } from "../problems.ts";
import type { Route } from "../route.ts";
import { timeView } from "../views/time_view.ts";
import type { View } from "../views/task_view.ts";

/** The routes under `/hooks`. */
export function hookRoutes(parts: Dependencies): Route[] {
  const { engine, clock, log, hooks } = parts;

  function found(call: RequestContext): Hook {
    const hook = hooks.find(param(call, "name"));
    if (!hook) throw new Refusal("not_found", "There is no such hook: see postrider.yaml");
    return hook;
  }

  async function receive(call: RequestContext): Promise<Response> {
    if (!parts.accepting()) throw new Refusal("shutting_down", "Nothing is accepted any more");
    const hook = found(call);
    const body = await readRaw(call.request, hook.maxBytes, clock);
    const { headers } = call.request;
    const got = await hooks.receive(hook, { headers, body, requestId: call.requestId });
    if (got.kind === "forged") {
      log.warn("A delivery of a hook was refused: nobody vouches for it", {
        hook: hook.name,
        requestId: call.requestId,
      });
    }
    return answerReceived(call, got);
  }

  async function replay(call: RequestContext): Promise<Response> {
    requireScope(call.caller, "operate");
    query(call, []);
    if (!parts.accepting()) throw new Refusal("shutting_down", "Nothing is accepted any more");
    return answerReceived(call, await hooks.replay(found(call), param(call, "id"), call.requestId));
  }

  function list(call: RequestContext): Response {
    requireScope(call.caller, "read");
    query(call, []);
    const data = hooks.list().map(({ name, preset: { kind }, maxBytes, tasks }) => ({
      name,
      preset: kind,
      path: `/hooks/${name}`,
      maxBytes,
      tasks: tasks.map(({ type }) => type),
    }));
    return respond(call, 200, { data });
  }

  async function deliveries(call: RequestContext): Promise<Response> {
    requireScope(call.caller, "read");
    const { limit, cursor } = pageOf(call);
    const hook = found(call);
    try {
      const page = await engine.deliveries(hook.name, limit, cursor);
      return respond(call, 200, {
        data: page.deliveries.map(deliveryView),
        nextCursor: page.nextCursor,
      });
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      throw refuseIssues([{ pointer: "/cursor", detail: "Expected a nextCursor of this list" }]);
    }
  }

  return [
    { method: "GET", path: "/hooks", answer: list },
    { method: "POST", path: "/hooks/{name}", open: true, answer: receive },
    { method: "GET", path: "/hooks/{name}/deliveries", answer: deliveries },
    { method: "POST", path: "/hooks/{name}/deliveries/{id}/replay", answer: replay },
  ];
}

function answerReceived(call: RequestContext, got: Received): Response {
  switch (got.kind) {
    case "stored":
      return respond(call, 202, {
        ...deliveryView(got.delivery),
        duplicate: got.duplicate,
      });
    case "challenge":
      return respond(call, 200, { challenge: got.word });
    case "forged":
      // One sentence for every cause: a forger learns nothing from it.
      throw new Refusal("unauthorized", "This delivery could not be verified");
    case "limited": {
      const seconds = Math.ceil(got.retryAfterMs / 1_000);
      const headers = { "retry-after": `${seconds}` };
      throw new Refusal("rate_limited", { detail: `Come again in ${seconds} s`, headers });
    }
    case "refused":
      throw new Refusal(got.code, "Nothing was stored. Try again later.");
    case "not_found":
      throw new Refusal("not_found", "There is no such delivery of this hook");
  }
}

function deliveryView({ id, hook, receivedAt, verdict }: DeliverySummary): View {
  const { kind, ...rest } = verdict as { kind: string };
  return { id, hook, receivedAt: timeView(receivedAt), verdict: kind, ...rest };
}
