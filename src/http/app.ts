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
import type { H, RouterRoute } from "hono/types";
import { createdAtOf } from "../lib/ids.ts";
import type { Log } from "../lib/log.ts";
import { sampleLines } from "../lib/sampled_log.ts";
import { adminRoutes } from "./routes/admin.ts";
import { appriseRoutes } from "./routes/apprise.ts";
import { type Authenticate, type Caller, openAuth, requireScope } from "./auth/auth.ts";
import { clientRoutes } from "./routes/client.ts";
import { duplicateRoutes } from "./routes/duplicate.ts";
import { batchRoutes } from "./routes/batches.ts";
import { openRevocations } from "./auth/revocations.ts";
import { openSessions } from "./auth/session.ts";
import { openKeyUse } from "./auth/key_use.ts";
import { openWrongKeys } from "./auth/wrong_keys.ts";
import { headersBelow, linksBelow, pathBelow } from "./base_path.ts";
import { openRequestIds } from "./context.ts";
import { allowOrigin, preflight } from "./cors.ts";
import { requireNoBody } from "./request/body.ts";
import { openBodyBudget } from "./request/body_budget.ts";
import { openLongTasks } from "./streams/long_tasks.ts";
import { clientOf } from "./request/client.ts";
import { encodeBody, encodeParts } from "./request/encoding.ts";
import { eventRoutes } from "./routes/events.ts";
import { hookRoutes } from "./routes/hooks.ts";
import { openWindowCounters } from "./stats/window_counters.ts";
import { metricsRoutes } from "./routes/metrics.ts";
import { openapiRoutes } from "./openapi/document.ts";
import { outboxRoutes } from "./routes/outbox.ts";
import { pauseRoutes } from "./routes/pauses.ts";
import { assetRoutes } from "./dashboard/assets.ts";
import { docsRoutes } from "./dashboard/docs.tsx";
import { signInRoutes } from "./dashboard/sign_in_routes.tsx";
import { PageInParts, refusePage, wantsPage } from "./dashboard/respond.tsx";
import { manualRoutes } from "./manual/routes.tsx";
import { pageRoutes } from "./dashboard/routes.tsx";
import type { Dependencies } from "./dependencies.ts";
import { Refusal, respondError } from "./problems.ts";
import type { Route } from "./route.ts";
import { ExactPathRouter } from "./router.ts";
import { scheduleRoutes } from "./routes/schedules.ts";
import { statusRoutes } from "./routes/status.ts";
import { submitRoutes } from "./routes/submit.ts";
import { taskBodyRoutes } from "./routes/task_body.ts";
import { taskRoutes } from "./routes/tasks.ts";
import { templateRoutes } from "./routes/templates.ts";

/** A path that no route has: that of a request outside the base path. */
const OUTSIDE = "/ outside";

/** The caller of an open route, which may do nothing else. */
const NO_CALLER: Caller = { scopes: new Set() };

/** What a node serves that only makes attempts. */
const WORKER_PATHS: ReadonlySet<string> = new Set(["/livez", "/readyz", "/metrics", "/status"]);
/** The API, the pages and all else that is served. */
export interface App {
  /** The routes, with parameters written as `:id`. */
  readonly routes: readonly { readonly method: string; readonly path: string }[];
  /** Ends the streams of keys that are no longer in force. */
  keysChanged(): void;
  /** Handles a request; `info` tells where it comes from. */
  fetch(
    request: Request,
    info?: Partial<Deno.ServeHandlerInfo<Deno.NetAddr>>,
  ): Response | Promise<Response>;
}

/** Makes the app; its `fetch` is what `Deno.serve` takes. */
export function createApp(dependencies: Dependencies): App {
  const { engine, metrics, history, clock, basePath, corsOrigins, trustsProxy } = dependencies;
  const counters = openWindowCounters(dependencies.clock);
  const sample = sampleLines(dependencies.log, clock, dependencies.closing);
  // Every request fails while the queue is unavailable.
  const log: Log = {
    ...dependencies.log,
    error: (message, fields = {}) =>
      sample(`${message} ${fields.error}`, message, fields, `${fields.requestId}`, "error"),
  };
  const reports = { log, metrics };
  const { keys, closing, signOuts } = dependencies;
  const sessions = openSessions(keys, () => clock.now(), signOuts);
  const revocations = openRevocations(keys, closing, clock, signOuts.has);
  signOuts.watch(() => revocations.check());
  const refuseWrongKey = openWrongKeys(clock, sample);
  const keyUse = openKeyUse(clock);
  const authenticate = openAuth({
    keys: dependencies.keys,
    anonymous: dependencies.anonymous,
    sessions,
    refuseWrongKey,
    onUse: keyUse.used,
    allowsOrigin: (origin) => corsOrigins?.allows(origin) === true,
  });
  engine.watch("final", ({ at, id, type, state }) => {
    // The system clock may have been set back in the meantime.
    const ms = Math.max(0, at - createdAtOf(id));
    counters.settled(ms);
    metrics.finished(type, state);
    history.finished(type, state, ms);
  });
  const takeOf = openBodyBudget(clock);
  const longTasks = openLongTasks(engine, clock);
  const submits = submitRoutes(dependencies, counters, takeOf);
  const routes = [
    ...submits,
    ...appriseRoutes(dependencies, submits, takeOf),
    ...duplicateRoutes(dependencies, submits, takeOf, longTasks),
    ...taskRoutes(dependencies, longTasks),
    ...taskBodyRoutes(dependencies),
    ...eventRoutes(dependencies),
    ...batchRoutes(dependencies),
    ...pauseRoutes(dependencies),
    ...hookRoutes(dependencies),
    ...scheduleRoutes(dependencies),
    ...adminRoutes(dependencies),
    ...templateRoutes(dependencies),
    ...outboxRoutes(dependencies),
    ...statusRoutes(dependencies, counters),
    ...metricsRoutes(dependencies),
    ...openapiRoutes(dependencies.version, basePath),
    ...pageRoutes(dependencies, { authenticate, counters, keyUse, longTasks }),
    ...signInRoutes(dependencies, { sessions, refuseWrongKey }),
    ...docsRoutes(dependencies.version, authenticate),
    ...manualRoutes(dependencies, authenticate),
    ...assetRoutes(),
    ...clientRoutes(),
  ];
  const served = dependencies.role === "worker"
    ? routes.filter(({ path }) => WORKER_PATHS.has(path))
    : routes;
  const requestIdOf = openRequestIds(dependencies.startedAt);
  const router = new ExactPathRouter<[H, RouterRoute]>();
  const app = basePath === ""
    ? new Hono({ router })
    : new Hono({ router, getPath: (request) => pathBelow(request, basePath) ?? OUTSIDE });

  function handle(route: Route, authenticate: Authenticate) {
    const { open, scopes, takesNoBody, permit, answer } = route;
    return async (hono: Context): Promise<Response> => {
      const request = hono.req.raw;
      const requestId = requestIdOf(request);
      const info = hono.env as Partial<Deno.ServeHandlerInfo<Deno.NetAddr>>;
      // The server computes the address at each call, so it is read only where it is needed.
      const client = () => clientOf(request, info.remoteAddr?.hostname, trustsProxy);
      try {
        const caller = open ? NO_CALLER : authenticate(request, { requestId, client });
        if (scopes) requireScope(caller, ...scopes);
        const ending = () => {
          const isSignedIn = !request.headers.has("authorization");
          return revocations.signalFor(
            caller,
            isSignedIn ? sessions.sessionOf(request) : undefined,
          );
        };
        const context = { request, requestId, caller, hono, client, ending };
        if (takesNoBody && request.body !== null) {
          await permit?.(context);
          await requireNoBody(request, clock);
        }
        const answered = await answer(context);
        return request.method === "POST" && basePath === ""
          ? answered
          : await finish(request, answered, basePath);
      } catch (error) {
        return respondError(error, requestId, reports);
      }
    };
  }

  for (const route of served) {
    app.on(route.method, honoPath(route.path), handle(route, authenticate));
  }
  // Not a route for all methods: Hono composes routes that share a path on every request.
  const refuse = openRefusal(served, basePath);
  app.notFound((hono) => {
    const { path, raw: request } = hono.req;
    const requestId = requestIdOf(request);
    const refusal = refuse(path);
    if (!wantsPage(request)) return respondError(refusal, requestId, reports);
    const context = { request, requestId, hono };
    return refusePage(context, refusal, dependencies)
      .then((response) => finish(request, response, basePath));
  });

  return {
    routes: app.routes,
    keysChanged: () => revocations.check(),
    fetch(request, info = {}) {
      const origin = corsOrigins ? request.headers.get("origin") : null;
      if (origin === null || !corsOrigins?.allows(origin)) return app.fetch(request, info);
      return preflight(request, origin) ??
        Promise.resolve(app.fetch(request, info)).then((response) => allowOrigin(response, origin));
    },
  };
}

/** Completes a response that is not hot: the base path, the encoding of pages, HEAD. */
async function finish(request: Request, given: Response, basePath: string): Promise<Response> {
  if (basePath !== "") headersBelow(given.headers, basePath);
  const type = given.headers.get("content-type") ?? "";
  const response = given instanceof PageInParts
    ? finishParts(request, given, basePath)
    : type.startsWith("text/html")
    ? await finishPage(request, given, basePath)
    : given;
  if (request.method !== "HEAD" || response.body === null || STREAMS.test(type)) return response;
  // RFC 9110 §8.6: HEAD tells the length of the GET response.
  const { status, headers } = response;
  const { byteLength } = await response.arrayBuffer();
  headers.set("content-length", `${byteLength}`);
  return new Response(null, { status, headers });
}

const STREAMS = /^(?:text\/event-stream|application\/x-ndjson|text\/csv)/;

async function finishPage(request: Request, given: Response, basePath: string): Promise<Response> {
  const { status, headers } = given;
  // A mail is a page that others wrote: its links are left alone.
  const isOwn = !headers.get("content-security-policy")?.includes("sandbox");
  const html = await given.text();
  const encoded = encodeBody(request, basePath !== "" && isOwn ? linksBelow(html, basePath) : html);
  for (const [name, value] of Object.entries(encoded.headers)) headers.set(name, value);
  return new Response(encoded.body, { status, headers });
}

function finishParts(request: Request, { headers, parts }: PageInParts, basePath: string) {
  async function* linked() {
    for await (const part of parts) yield basePath === "" ? part : linksBelow(part, basePath);
  }
  const encoded = encodeParts(request, linked());
  for (const [name, value] of Object.entries(encoded.headers)) headers.set(name, value);
  return new Response(encoded.body, { headers });
}

/** Decides between 404 and 405 for a request that matches no route. */
function openRefusal(routes: readonly Route[], basePath: string): (path: string) => Refusal {
  const paths = [...Map.groupBy(routes, ({ path }) => path)].map(([path, routes]) => {
    const methods = routes.flatMap(({ method }) => method === "GET" ? [method, "HEAD"] : [method]);
    return { path, pattern: new RegExp(`^${path.replace(/\{\w+\}/g, "[^/]+")}$`), methods };
  });
  return (path) => {
    if (path === OUTSIDE) return new Refusal("not_found", `Expected a path below ${basePath}`);
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
