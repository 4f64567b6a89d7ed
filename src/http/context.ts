/**
 * One call: who makes it, under which id, and what its path and query say.
 *
 * @module
 */

import type { Context } from "hono";
import { parseDuration } from "../lib/duration.ts";
import type { Issue } from "../task/issues.ts";
import type { Caller } from "./auth/auth.ts";
import { refuseIssues } from "./problems.ts";

/** One call, as a route's handler sees it. */
export interface RequestContext {
  /** As the server got it. */
  readonly request: Request;
  /** Names the call in the log, in its answer, and in what it submits. */
  readonly requestId: string;
  /** Who makes it. */
  readonly caller: Caller;
  /** Hono's own view of it, for the path's parameters. */
  readonly hono: Context;
}

/** The longest a call waits for its answer, in milliseconds. */
export const MAX_WAIT_MS = 60_000;

const REQUEST_ID = /^[\w.:/+=@-]{1,128}$/;
/** W3C Trace Context §3.2.2, of any version. */
const TRACEPARENT = /^[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

/** Gives each call an id: its own `X-Request-Id`, or one made of the start's time and a count. */
export function openRequestIds(startedAt: number): (request: Request) => string {
  const start = `req_${startedAt.toString(36)}_`;
  let count = 0;
  return (request) => {
    const given = request.headers.get("x-request-id");
    return given !== null && REQUEST_ID.test(given) ? given : start + (++count).toString(36);
  };
}

/** The call's `traceparent`, when it is one. */
export function traceparentOf(request: Request): string | undefined {
  const given = request.headers.get("traceparent");
  return given !== null && TRACEPARENT.test(given) ? given : undefined;
}

/** A parameter of the path. */
export function param({ hono }: RequestContext, name: string): string {
  return hono.req.param(name) ?? "";
}

/**
 * The parameters of the query, each given once. Names every one that is not
 * `allowed`, for what is not understood is not passed over: among `faults`, or,
 * without them, by throwing a `Refusal`.
 */
export function query<Name extends string>(
  { request, hono }: RequestContext,
  allowed: readonly Name[],
  faults?: Issue[],
): Partial<Record<Name, string>> {
  if (!request.url.includes("?")) return {};
  const given = Object.entries(hono.req.queries());
  const found = given.flatMap(([name, values]) => {
    const pointer = `/${name}`;
    if (!(allowed as readonly string[]).includes(name)) {
      const known = allowed.length > 0 ? `; known are ${allowed.join(", ")}` : "";
      return [{ pointer, detail: `Unknown query parameter: remove it${known}` }];
    }
    return values.length > 1 ? [{ pointer, detail: "Expected this query parameter once" }] : [];
  });
  faults?.push(...found);
  if (!faults && found.length > 0) throw refuseIssues(found);
  const known = given.filter(([name]) => (allowed as readonly string[]).includes(name));
  return Object.fromEntries(known.map(([name, [value]]) => [name, value])) as Partial<
    Record<Name, string>
  >;
}

/** Milliseconds of `?wait=30s`, cut to a minute; `undefined` without it. */
export function waitOf(context: RequestContext): number | undefined {
  const { wait } = query(context, ["wait"]);
  if (wait === undefined) return undefined;
  const ms = parseDuration(wait);
  if (ms === undefined) {
    const detail = `Expected a duration such as "30s"; it is cut to ${MAX_WAIT_MS / 1_000}s`;
    throw refuseIssues([{ pointer: "/wait", detail }]);
  }
  return Math.min(ms, MAX_WAIT_MS);
}

/** Whole seconds of `Prefer: wait=10` (RFC 7240), cut to a minute; `undefined` without it. */
export function preferredWait({ headers }: Request): number | undefined {
  const given = headers.get("prefer");
  if (given === null) return undefined;
  const [, seconds] = /(?:^|[,;]) *wait *= *"?(\d{1,9})"? *(?:$|[,;])/i.exec(given) ?? [];
  return seconds === undefined ? undefined : Math.min(Number(seconds), MAX_WAIT_MS / 1_000);
}

/** Answers with JSON. */
export function respond(
  { requestId }: RequestContext,
  status: number,
  body: unknown,
  headers?: Readonly<Record<string, string>>,
): Response {
  return new Response(JSON.stringify(body), {
    status,
    headers: { "content-type": "application/json", "x-request-id": requestId, ...headers },
  });
}
