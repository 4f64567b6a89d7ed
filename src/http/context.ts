/**
 * One request as a handler sees it: the caller, the request id, the path and the query.
 *
 * @module
 */

import type { Context } from "hono";
import { isPlainObject } from "../lib/json.ts";
import { parseDuration } from "../lib/duration.ts";
import type { Issue } from "../task/issues.ts";
import type { Caller } from "./auth/auth.ts";
import type { Client } from "./request/client.ts";
import { hasLongText, jsonSteps } from "../lib/json/json_steps.ts";
import { runInTurns, turn } from "../lib/steps.ts";
import { encodeBody, type EncodedBody } from "./request/encoding.ts";
import { API_HEADERS, refuseIssues } from "./problems.ts";

/** One request and what a handler needs besides it. */
export interface RequestContext {
  /** The request as the server received it. */
  readonly request: Request;
  /** Identifies the request in the log, in the response, and in the tasks it submits. */
  readonly requestId: string;
  /** Who sent it. */
  readonly caller: Caller;
  /** How the client reached the service. */
  readonly client: () => Client;
  /** Aborts when a stream for this caller must end; see `Revocations`. */
  readonly ending: () => AbortSignal;
  /** Hono's context, for the parameters of the path. */
  readonly hono: Context;
}

/** Longest wait of one request (`?wait=`, `Prefer: wait`), in milliseconds. */
export const MAX_WAIT_MS = 60_000;

const REQUEST_ID = /^[\w.:/+=@-]{1,128}$/;
/** W3C Trace Context §3.2.2, of any version. */
const TRACEPARENT = /^[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

/** Returns the id of a request: its own `X-Request-Id`, or one made of the start time and a counter. */
export function openRequestIds(startedAt: number): (request: Request) => string {
  const start = `req_${startedAt.toString(36)}_`;
  let count = 0;
  return (request) => {
    const given = request.headers.get("x-request-id");
    return given !== null && REQUEST_ID.test(given) ? given : start + (++count).toString(36);
  };
}

/** The `traceparent` of the request, if it is valid. */
export function traceparentOf(request: Request): string | undefined {
  const given = request.headers.get("traceparent");
  return given !== null && TRACEPARENT.test(given) ? given : undefined;
}

/** A parameter of the path. */
export function param({ hono }: RequestContext, name: string): string {
  return hono.req.param(name) ?? "";
}

/**
 * The parameters of the query. An unknown or repeated parameter is an error: it
 * is added to `issues`, or, without `issues`, thrown as a `Refusal`.
 */
export function query<Name extends string>(
  { request, hono }: RequestContext,
  allowed: readonly Name[],
  issues?: Issue[],
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
  issues?.push(...found);
  if (!issues && found.length > 0) throw refuseIssues(found);
  const known = given.filter(([name]) => (allowed as readonly string[]).includes(name));
  return Object.fromEntries(known.map(([name, [value]]) => [name, value])) as Partial<
    Record<Name, string>
  >;
}

/**
 * Whether a parameter of the query is `true`. Throws a `Refusal` for any other value, or adds
 * that to `issues`.
 */
export function isSet(name: string, value: string | undefined, issues?: Issue[]): boolean {
  if (value === undefined || value === "true") return value === "true";
  const issue = { pointer: `/${name}`, detail: "Expected true, or leave it out" };
  if (!issues) throw refuseIssues([issue]);
  issues.push(issue);
  return true;
}

/** `?wait=30s` in milliseconds, at most a minute; `undefined` without it. */
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

/** `Prefer: wait=10` (RFC 7240) in whole seconds, at most a minute; `undefined` without it. */
export function preferredWait({ headers }: Request): number | undefined {
  const given = headers.get("prefer");
  if (given === null) return undefined;
  const [, seconds] = /(?:^|[,;]) *wait *= *"?(\d{1,9})"? *(?:$|[,;])/i.exec(given) ?? [];
  return seconds === undefined ? undefined : Math.min(Number(seconds), MAX_WAIT_MS / 1_000);
}

/** Makes a JSON response. */
export function respond(
  context: RequestContext,
  status: number,
  body: unknown,
  headers?: Readonly<Record<string, string>>,
): Response {
  const encoded = encodeBody(context.request, JSON.stringify(body));
  return respondEncoded(context, status, encoded, headers);
}

/** Whether the view of a task has a payload that is answered in turns. */
export function hasLongPayload({ payload }: Readonly<Record<string, unknown>>): boolean {
  return isPlainObject(payload) && hasLongText(payload);
}

/** The same, in turns with other requests. */
export async function respondInTurns(
  context: RequestContext,
  status: number,
  view: Readonly<Record<string, unknown>>,
  headers?: Readonly<Record<string, string>>,
): Promise<Response> {
  // Not compressed, which would take ten times as long.
  const body = await runInTurns(jsonSteps(view), turn);
  return respondEncoded(context, status, { body, headers: {} }, headers);
}

/** Makes a JSON response of an encoded body. */
export function respondEncoded(
  { requestId }: RequestContext,
  status: number,
  encoded: { readonly body: BodyInit; readonly headers: EncodedBody["headers"] },
  headers?: Readonly<Record<string, string>>,
): Response {
  const all: Record<string, string> = {
    ...API_HEADERS,
    "content-type": "application/json",
    "x-request-id": requestId,
  };
  // One by one: every request comes through here, and spreads take longer.
  for (const name in encoded.headers) all[name] = encoded.headers[name] as string;
  for (const name in headers) all[name] = headers[name] as string;
  return new Response(encoded.body, { status, headers: all });
}
