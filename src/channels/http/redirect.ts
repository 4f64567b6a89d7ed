/**
 * Builds the request that follows a redirect.
 *
 * @module
 */

import { compact } from "../../lib/compact.ts";
import type { TaskError } from "../../task/task.ts";

/** One HTTP request. */
export interface HttpRequest {
  /** Where it goes. */
  readonly url: URL;
  /** Upper case. */
  readonly method: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** The spelling of header names as the caller gave it, by the name in lower case. */
  readonly names?: Readonly<Record<string, string>>;
  /** The body, if any. */
  readonly body?: string | Uint8Array;
}

/** Headers that hold no secret of the caller and are sent to other origins too. */
const OURS = new Set([
  "accept",
  "accept-encoding",
  "user-agent",
  "postrider-task",
  "postrider-attempt",
  "x-request-id",
  "traceparent",
  "range",
  "if-range",
  "if-none-match",
  "if-modified-since",
]);
/** Headers that describe a body. */
const OF_BODY = /^(?:content-.*|idempotency-key)$/;

/** Whether a response with this status and `Location` is a redirect. */
export function isRedirect(status: number, location: string | undefined): boolean {
  return location !== undefined && [301, 302, 303, 307, 308].includes(status);
}

/**
 * The request that follows a redirect, or why it is refused. Another origin
 * gets none of the caller's headers and never a body.
 */
export function followRedirect(
  request: HttpRequest,
  status: number,
  location: string,
): HttpRequest | TaskError {
  const url = URL.parse(location, request.url);
  if (!url) return refused("Cannot follow the redirect: its Location is not a URL");
  if (request.url.protocol === "https:" && url.protocol === "http:") {
    return refused("Cannot follow the redirect: it leads from https to http");
  }
  const sameOrigin = url.origin === request.url.origin;
  if (becomesGet(status, request.method)) {
    const method = request.method === "HEAD" ? "HEAD" : "GET";
    const headers = keep(request.headers, sameOrigin, true);
    return { url, method, headers, ...compact({ names: request.names }) };
  }
  if (request.body !== undefined && !sameOrigin) {
    return refused("Cannot follow the redirect: it would send the body to another origin");
  }
  return { ...request, url, headers: keep(request.headers, sameOrigin, false) };
}

/** As the Fetch standard has it (HTTP-redirect fetch, step 12). */
function becomesGet(status: number, method: string): boolean {
  return status === 303 || ((status === 301 || status === 302) && method === "POST");
}

function keep(
  headers: HttpRequest["headers"],
  sameOrigin: boolean,
  bodyDropped: boolean,
): HttpRequest["headers"] {
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) =>
      (sameOrigin || OURS.has(name)) && !(bodyDropped && OF_BODY.test(name))
    ),
  );
}

function refused(detail: string): TaskError {
  return { code: "redirect_refused", detail };
}
