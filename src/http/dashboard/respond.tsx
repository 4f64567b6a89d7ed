/**
 * Responses with a page, also for an error.
 *
 * @module
 */

import type { Child } from "hono/jsx";
import type { Authenticate, Caller } from "../auth/auth.ts";
import type { RequestContext } from "../context.ts";
import type { Dependencies } from "../dependencies.ts";
import { Refusal, type RefusalReports, respondError } from "../problems.ts";
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

/** A page in parts, which the app encodes and sends one by one. */
export class PageInParts extends Response {
  /** The HTML. */
  readonly parts: AsyncIterable<string>;

  constructor(parts: AsyncIterable<string>, headers: Readonly<Record<string, string>>) {
    super(null, { headers });
    this.parts = parts;
  }
}

/**
 * A response with a page up to the end of `content`, and later with the rest. When the rest
 * fails, the page says so in its place, because the status has been sent.
 */
export function respondInParts(
  { requestId }: Pick<RequestContext, "requestId">,
  frame: Frame,
  content: Child,
  rest: () => Promise<Child>,
  reports: RefusalReports,
): Response {
  const html = `<!doctype html>${<Page frame={frame}>{content}</Page>}`;
  const end = html.lastIndexOf("</main>");

  async function fault(error: unknown): Promise<string> {
    const { title, detail } = await respondError(error, requestId, reports).json();
    return `${<FaultContent title={title} detail={detail} requestId={requestId} />}`;
  }

  async function* parts(): AsyncGenerator<string> {
    const later = rest().then((made) => `${<>{made}</>}`).catch(fault);
    yield html.slice(0, end);
    yield await later + html.slice(end);
  }

  // nginx would keep the first part until it has the rest.
  return new PageInParts(parts(), { ...pageHeaders(requestId), "x-accel-buffering": "no" });
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
