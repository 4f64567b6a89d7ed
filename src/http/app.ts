/**
 * The API as a value: routes in, a Hono app out.
 *
 * No route has a middleware: one that touches the answer after the handler
 * costs a third of all speed. What every call needs is done in `handle`, and
 * headers are set where the answer is made.
 *
 * @module
 */

import { type Context, Hono } from "hono";
import { createdAtOf } from "../lib/ids.ts";
import { adminRoutes } from "./admin.ts";
import { appriseRoutes } from "./apprise.ts";
import { type Authenticate, type Caller, openAuth } from "./auth.ts";
import { batchRoutes } from "./batches.ts";
import { openRequestIds } from "./call.ts";
import { eventRoutes } from "./events.ts";
import { openHistory } from "./history.ts";
import { hookRoutes } from "./hooks.ts";
import { openMeters } from "./meters.ts";
import { metricsRoutes } from "./metrics.ts";
import { openapiRoutes } from "./openapi.ts";
import { outboxRoutes } from "./outbox.ts";
import { assetRoutes } from "./pages/assets.ts";
import { docsRoutes } from "./pages/docs.tsx";
import { doorRoutes } from "./pages/door.tsx";
import { pageRoutes } from "./pages/routes.tsx";
import type { AppParts } from "./parts.ts";
import { answerError, Refusal } from "./problems.ts";
import type { Route } from "./route.ts";
import { scheduleRoutes } from "./schedules.ts";
import { statusRoutes } from "./status.ts";
import { submitRoutes } from "./submit.ts";
import { taskBodyRoutes } from "./task_body.ts";
import { taskRoutes } from "./tasks.ts";
import { templateRoutes } from "./templates.ts";

/** Who calls a route that asks for no key. */
const ANYBODY: Caller = { scopes: new Set() };

/** Makes the app; its `fetch` is what `Deno.serve` takes. */
export function createApp(parts: AppParts): Hono {
  const { engine, log, metrics } = parts;
  const meters = openMeters(parts.clock);
  const history = openHistory(parts.clock);
  const authenticate = openAuth(parts.keys, parts.anonymous, () => parts.clock.now());
  engine.watch("final", ({ at, id, type, state }) => {
    // The machine's clock may have been set back in between.
    meters.settled(Math.max(0, at - createdAtOf(id)));
    metrics.finished(type, state);
    history.finished(state);
  });
  const submits = submitRoutes(parts, meters, history);
  const routes = [
    ...submits,
    ...appriseRoutes(parts, submits),
    ...taskRoutes(parts),
    ...taskBodyRoutes(parts),
    ...eventRoutes(parts),
    ...batchRoutes(parts),
    ...hookRoutes(parts),
    ...scheduleRoutes(parts),
    ...adminRoutes(parts),
    ...templateRoutes(parts),
    ...outboxRoutes(parts),
    ...statusRoutes(parts, meters),
    ...metricsRoutes(parts),
    ...openapiRoutes(parts.version),
    ...pageRoutes(parts, { authenticate, meters, history }),
    ...doorRoutes(parts),
    ...docsRoutes(),
    ...assetRoutes(),
  ];
  const requestIdOf = openRequestIds(parts.startedAt);
  const app = new Hono();

  function handle({ open, answer }: Route, authenticate: Authenticate) {
    return async (context: Context): Promise<Response> => {
      const request = context.req.raw;
      const requestId = requestIdOf(request);
      try {
        const caller = open ? ANYBODY : authenticate(request);
        const response = await answer({ request, requestId, caller, context });
        return request.method === "HEAD" ? await measured(response) : response;
      } catch (error) {
        if (error instanceof Refusal) metrics.refused(error.code);
        return answerError(error, requestId, log);
      }
    };
  }

  for (const route of routes) {
    app.on(route.method, honoPath(route.path), handle(route, authenticate));
  }
  // Not by a route for all methods: Hono composes routes that share a path, on every call.
  const refuse = openRefusal(routes);
  app.notFound(({ req }) => answerError(refuse(req.path), requestIdOf(req.raw), log));
  return app;
}

/** RFC 9110 §8.6: the length that HEAD tells is that of what GET would bring; of streams nobody knows. */
async function measured(response: Response): Promise<Response> {
  const isWhole = response.headers.get("content-type") === "application/json";
  if (!isWhole || response.body === null) return response;
  const { status, headers } = response;
  const { byteLength } = await response.arrayBuffer();
  headers.set("content-length", `${byteLength}`);
  return new Response(null, { status, headers });
}

/** Says why a call meets no route: the path is none, or knows other methods. */
function openRefusal(routes: readonly Route[]): (path: string) => Refusal {
  const paths = [...Map.groupBy(routes, ({ path }) => path)].map(([path, routes]) => {
    const methods = routes.flatMap(({ method }) => method === "GET" ? [method, "HEAD"] : [method]);
    return { path, pattern: new RegExp(`^${path.replace(/\{\w+\}/g, "[^/]+")}$`), methods };
  });
  return (path) => {
    // A path without parameters before one that it would fit into.
    const fitting = paths.filter(({ pattern }) => pattern.test(path));
    const found = fitting.find((one) => one.path === path) ?? fitting[0];
    if (!found) return new Refusal("not_found", "There is nothing at this path: see /openapi.json");
    const allow = found.methods.join(", ");
    return new Refusal("method_not_allowed", { detail: `Expected ${allow}`, headers: { allow } });
  };
}

function honoPath(path: string): string {
  return path.replace(/\{(\w+)\}/g, ":$1");
}
