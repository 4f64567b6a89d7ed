/**
 * Builds the first request of an attempt from the caller's headers and ours.
 *
 * @module
 */

import { compact } from "../../lib/compact.ts";
import { Buffer } from "node:buffer";
import { pointerTo } from "../../lib/json.ts";
import type { FetchPayload } from "../../task/payloads.ts";
import type { TaskError } from "../../task/task.ts";
import type { Attempt } from "../channel.ts";
import { isSafe } from "../upstream.ts";
import { ACCEPTED_ENCODINGS } from "./body.ts";
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

/** RFC 9110 §5.5: visible characters, spaces and tabs, and bytes above ASCII. */
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/**
 * Builds the request; headers in `ours` replace the caller's. Returns an error when the URL or
 * a header is not valid, as after a placeholder was filled in: it does not tell the value.
 */
export function requestOf(
  payload: FetchPayload,
  attempt: Attempt,
  version: string,
  ours: Readonly<Record<string, string>> = {},
): HttpRequest | TaskError {
  const { method, headers, body, bodyBase64 } = payload;
  const url = URL.parse(payload.url);
  if (!url) return invalid("/url");
  for (const [name, value] of Object.entries(headers)) {
    if (!HEADER_VALUE.test(value)) return invalid(pointerTo(["headers", name]));
  }
  const callers = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]);
  const sent = body ?? (bodyBase64 === undefined ? undefined : Buffer.from(bodyBase64, "base64"));
  return {
    url,
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
    ...compact({ body: sent, names: payload.headerNames }),
  };
}

function invalid(pointer: string): TaskError {
  const detail = `Cannot send the request: ${pointer} is not valid in HTTP`;
  return { code: "bad_request", detail };
}
