/**
 * The API as a value: routes in, a Hono app out.
 *
 * No route has a middleware: one that changes the response after the handler
 * costs a third of the throughput. `handle` does what every request needs, and
 * headers are set where the response is made.
 *
 * @module
 */

import { type Context, Hono } from "hono";
import { createdAtOf } from "../lib/ids.ts";
import { adminRoutes } from "./routes/admin.ts";
import { appriseRoutes } from "./routes/apprise.ts";
import { type Authenticate, type Caller, openAuth } from "./auth/auth.ts";
import { batchRoutes } from "./routes/batches.ts";
import { openRequestIds } from "./context.ts";
import { eventRoutes } from "./routes/events.ts";
import { openHistory } from "./stats/history.ts";
import { hookRoutes } from "./routes/hooks.ts";
import { openWindowCounters } from "./stats/window_counters.ts";
import { metricsRoutes } from "./routes/metrics.ts";
import { openapiRoutes } from "./openapi/document.ts";
import { outboxRoutes } from "./routes/outbox.ts";
import { assetRoutes } from "./dashboard/assets.ts";
import { docsRoutes } from "./dashboard/docs.tsx";
import { signInRoutes } from "./dashboard/sign_in_routes.tsx";
import { manualRoutes } from "./manual/routes.tsx";
import { pageRoutes } from "./dashboard/routes.tsx";
import type { Dependencies } from "./dependencies.ts";
import { Refusal, respondError } from "./problems.ts";
import type { Route } from "./route.ts";
import { scheduleRoutes } from "./routes/schedules.ts";
import { statusRoutes } from "./routes/status.ts";
import { submitRoutes } from "./routes/submit.ts";
import { taskBodyRoutes } from "./routes/task_body.ts";
import { taskRoutes } from "./routes/tasks.ts";
import { templateRoutes } from "./routes/templates.ts";

/** The caller of an open route, which may do nothing else. */
const NO_CALLER: Caller = { scopes: new Set() };

/** What a node serves that only makes attempts. */
const WORKER_PATHS: ReadonlySet<string> = new Set(["/livez", "/readyz", "/metrics", "/status"]);

/** Makes the app; its `fetch` is what `Deno.serve` takes. */
export function createApp(dependencies: Dependencies): Hono {
  const { engine, log, metrics } = dependencies;
  const counters = openWindowCounters(dependencies.clock);
  const history = openHistory(dependencies.clock);
  const authenticate = openAuth(
    dependencies.keys,
    dependencies.anonymous,
    () => dependencies.clock.now(),
  );
  engine.watch("final", ({ at, id, type, state }) => {
    // The system clock may have been set back in the meantime.
    counters.settled(Math.max(0, at - createdAtOf(id)));
    metrics.finished(type, state);
    history.finished(state);
  });
  const submits = submitRoutes(dependencies, counters, history);
  const routes = [
    ...submits,
    ...appriseRoutes(dependencies, submits),
    ...taskRoutes(dependencies),
    ...taskBodyRoutes(dependencies),
    ...eventRoutes(dependencies),
    ...batchRoutes(dependencies),
    ...hookRoutes(dependencies),
    ...scheduleRoutes(dependencies),
    ...adminRoutes(dependencies),
    ...templateRoutes(dependencies),
    ...outboxRoutes(dependencies),
    ...statusRoutes(dependencies, counters),
    ...metricsRoutes(dependencies),
    ...openapiRoutes(dependencies.version),
    ...pageRoutes(dependencies, { authenticate, counters, history }),
    ...signInRoutes(dependencies),
    ...docsRoutes(),
    ...manualRoutes(dependencies.version, authenticate),
    ...assetRoutes(),
  ];
  const served = dependencies.role === "worker"
    ? routes.filter(({ path }) => WORKER_PATHS.has(path))
    : routes;
  const requestIdOf = openRequestIds(dependencies.startedAt);
  const app = new Hono();

  function handle({ open, answer }: Route, authenticate: Authenticate) {
    return async (hono: Context): Promise<Response> => {
      const request = hono.req.raw;
      const requestId = requestIdOf(request);
      try {
        const caller = open ? NO_CALLER : authenticate(request);
        const response = await answer({ request, requestId, caller, hono });
        return request.method === "HEAD" ? await headOf(response) : response;
      } catch (error) {
        if (error instanceof Refusal) metrics.refused(error.code);
        return respondError(error, requestId, log);
      }
    };
  }

  for (const route of served) {
    app.on(route.method, honoPath(route.path), handle(route, authenticate));
  }
  // Not a route for all methods: Hono composes routes that share a path on every request.
  const refuse = openRefusal(served);
  app.notFound(({ req }) => respondError(refuse(req.path), requestIdOf(req.raw), log));
  return app;
}

/** RFC 9110 §8.6: HEAD tells the length of the GET response, except for streams. */
async function headOf(response: Response): Promise<Response> {
  const isWhole = response.headers.get("content-type") === "application/json";
  if (!isWhole || response.body === null) return response;
  const { status, headers } = response;
  const { byteLength } = await response.arrayBuffer();
  headers.set("content-length", `${byteLength}`);
  return new Response(null, { status, headers });
}

/** Decides between 404 and 405 for a request that matches no route. */
function openRefusal(routes: readonly Route[]): (path: string) => Refusal {
  const paths = [...Map.groupBy(routes, ({ path }) => path)].map(([path, routes]) => {
    const methods = routes.flatMap(({ method }) => method === "GET" ? [method, "HEAD"] : [method]);
    return { path, pattern: new RegExp(`^${path.replace(/\{\w+\}/g, "[^/]+")}$`), methods };
  });
  return (path) => {
    // An exact path takes precedence over one with parameters.
    const fitting = paths.filter(({ pattern }) => pattern.test(path));
    const found = fitting.find((one) => one.path === path) ?? fitting[0];
    if (!found) return new Refusal("not_found", "No such path: /openapi.json lists them");
    const allow = found.methods.join(", ");
    return new Refusal("method_not_allowed", { detail: `Expected ${allow}`, headers: { allow } });
  };
}

function honoPath(path: string): string {
  return path.replace(/\{(\w+)\}/g, ":$1");
}
