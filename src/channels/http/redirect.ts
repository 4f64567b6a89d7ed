/**
 * Where a redirect leads, and what may be taken along.
 *
 * @module
 */

import type { TaskError } from "../../task/task.ts";

/** One request on the way to an answer. */
export interface HttpRequest {
  /** Where it goes. */
  readonly url: URL;
  /** Upper case. */
  readonly method: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** What is sent, if something is. */
  readonly body?: string | Uint8Array;
}

/** Headers of ours, which name no secret of the caller's. */
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
]);
/** Headers that speak of a body. */
const OF_BODY = /^(?:content-.*|idempotency-key)$/;

/** Whether an answer with this status and `Location` asks us to go elsewhere. */
export function isRedirect(status: number, location: string | undefined): boolean {
  return location !== undefined && [301, 302, 303, 307, 308].includes(status);
}

/**
 * The request that follows a redirect, or why there is none. Another origin
 * gets none of the caller's headers and never a body.
 */
export function followRedirect(
  request: HttpRequest,
  status: number,
  location: string,
): HttpRequest | TaskError {
  const url = URL.parse(location, request.url);
  if (!url) return refused("The redirect leads to what is no URL");
  if (request.url.protocol === "https:" && url.protocol === "http:") {
    return refused("The redirect leads from https to http");
  }
  const sameOrigin = url.origin === request.url.origin;
  if (becomesGet(status, request.method)) {
    const method = request.method === "HEAD" ? "HEAD" : "GET";
    return { url, method, headers: keep(request.headers, sameOrigin, true) };
  }
  if (request.body !== undefined && !sameOrigin) {
    return refused("The redirect would carry the body to another origin");
  }
  return { ...request, url, headers: keep(request.headers, sameOrigin, false) };
}

/** The fetch standard, and what everybody did before it. */
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
