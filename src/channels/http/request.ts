/**
 * Builds the first request of an attempt from the caller's headers and ours.
 *
 * @module
 */

import { compact } from "../../lib/compact.ts";
import { Buffer } from "node:buffer";
import type { FetchPayload } from "../../task/payloads.ts";
import type { Attempt } from "../channel.ts";
import { ACCEPTED_ENCODINGS } from "./body.ts";
import { isSafe } from "./classify.ts";
import type { HttpRequest } from "./redirect.ts";

/** Headers of the connection, written by the HTTP client; a caller's could smuggle a request. */
const CONNECTION_HEADERS = new Set([
  "connection",
  "content-length",
  "expect",
  "host",
  "http2-settings",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/** Builds the request; headers in `ours` replace the caller's. */
export function requestOf(
  payload: FetchPayload,
  attempt: Attempt,
  version: string,
  ours: Readonly<Record<string, string>> = {},
): HttpRequest {
  const { url, method, headers, body, bodyBase64 } = payload;
  const callers = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]);
  const sent = body ?? (bodyBase64 === undefined ? undefined : Buffer.from(bodyBase64, "base64"));
  return {
    url: new URL(url),
    method,
    headers: {
      "accept": "*/*",
      "accept-encoding": ACCEPTED_ENCODINGS,
      "user-agent": `Postrider/${version}`,
      ...(isSafe(method) ? {} : { "idempotency-key": attempt.taskId }),
      ...compact({ "x-request-id": attempt.requestId, traceparent: attempt.traceparent }),
      ...Object.fromEntries(callers.filter(([name = ""]) => !CONNECTION_HEADERS.has(name))),
      "postrider-task": attempt.taskId,
      "postrider-attempt": String(attempt.number),
      ...ours,
    },
    ...compact({ body: sent }),
  };
}
