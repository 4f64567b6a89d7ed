/**
 * Responses with a page, also for an error.
 *
 * @module
 */

import type { Child } from "hono/jsx";
import type { Authenticate, Caller } from "../auth/auth.ts";
import type { RequestContext } from "../context.ts";
import type { Dependencies } from "../dependencies.ts";
import { Refusal, respondError } from "../problems.ts";
import { qualityOf } from "../request/quality.ts";
import { type Frame, Page, pageHeaders } from "./page.tsx";
import { FaultContent } from "./pages/sign_in.tsx";

/** A response with a page. */
export function respondPage(
  { requestId }: Pick<RequestContext, "requestId">,
  status: number,
  frame: Frame,
  content: Child,
  headers: Readonly<Record<string, string>> = {},
): Response {
  const html = <Page frame={frame}>{content}</Page>;
  return new Response(`<!doctype html>${html}`, {
    status,
    headers: { ...pageHeaders(requestId), ...headers },
  });
}

/** The caller of an open page; a caller who is signed in sees the navigation of the dashboard. */
export function callerIfAny(
  context: RequestContext,
  authenticate: Authenticate,
): Caller | undefined {
  try {
    return authenticate(context.request, context);
  } catch (error) {
    if (error instanceof Refusal) return undefined;
    throw error;
  }
}

/** Whether a browser opens the URL: its user has no use for JSON. */
export function wantsPage({ method, headers }: Request): boolean {
  return (method === "GET" || method === "HEAD") &&
    qualityOf(headers.get("accept"), ["text/html"]) > 0;
}

/** Shows an error as a page; redirects to the sign-in page when a key is missing. */
export async function refusePage(
  context: Pick<RequestContext, "request" | "requestId" | "hono">,
  error: unknown,
  { version, log, metrics }: Pick<Dependencies, "version" | "log" | "metrics">,
): Promise<Response> {
  if (error instanceof Redirect) return seeOther(context, error.location);
  if (error instanceof Refusal && error.code === "unauthorized") {
    const { search } = new URL(context.request.url);
    const next = context.hono.req.path + search;
    return seeOther(context, `/ui/signin?${new URLSearchParams({ next })}`);
  }
  const response = respondError(error, context.requestId, { log, metrics });
  const { status, title, detail } = await response.json();
  const kept = [...response.headers].filter(([name]) => name === "allow" || name === "retry-after");
  const content = <FaultContent detail={detail} requestId={context.requestId} />;
  const frame = { title, place: "none", version } as const;
  return respondPage(context, status, frame, content, Object.fromEntries(kept));
}

/** Ends a page: its content is at another path. */
export class Redirect extends Error {
  override name = "Redirect";
  /** The path to go to. */
  readonly location: string;

  constructor(location: string) {
    super(location);
    this.location = location;
  }
}

function seeOther({ requestId }: Pick<RequestContext, "requestId">, location: string): Response {
  return new Response(null, {
    status: 303,
    headers: { location, "x-request-id": requestId, "cache-control": "no-store" },
  });
}
