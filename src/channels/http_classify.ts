/**
 * What an answer, or the lack of one, means for a task.
 *
 * @module
 */

import type { LaneHold, Outcome } from "../task/outcome.ts";
import type { TaskError } from "../task/task.ts";
import { BodyError } from "./http_body.ts";
import { AddressError } from "./guard.ts";

/** The longest wish of an upstream that is heeded, in milliseconds. */
const LONGEST_WISH_MS = 24 * 3_600_000;
/** The longest that one answer may hold a whole lane, in milliseconds. */
const LONGEST_HOLD_MS = 3_600_000;

/** 2xx, and 3xx that nobody follows, are delivered; what may pass is deferred. */
export function classifyStatus(
  status: number,
  retryAfter: string | undefined,
  now: number,
): Outcome {
  if (status < 400) return { kind: "delivered" };
  const error = { code: `http_${status}`, detail: `The server answered ${status}` };
  if (status < 500 && ![408, 425, 429].includes(status)) return { kind: "rejected", error };
  const wishMs = parseRetryAfter(retryAfter, now);
  if (wishMs === undefined) return { kind: "deferred", error };
  const retryAfterMs = Math.min(wishMs, LONGEST_WISH_MS);
  return { kind: "deferred", error, retryAfterMs, ...holdOf(status, retryAfter, retryAfterMs) };
}

function holdOf(status: number, said = "", forMs: number): { hold?: LaneHold } {
  if (status !== 429 && status !== 503) return {};
  const reason = `${status} with Retry-After: ${said.trim().slice(0, 40)}`;
  return { hold: { forMs: Math.min(forMs, LONGEST_HOLD_MS), reason } };
}

/** Milliseconds from now; `undefined` for what is neither seconds nor a date. */
export function parseRetryAfter(text: string | undefined, now: number): number | undefined {
  if (text === undefined) return undefined;
  if (/^\s*\d{1,12}\s*$/.test(text)) return Number(text) * 1_000;
  // RFC 9110 §5.6.7 ends every date in GMT; the parser alone would take "5 May" for one.
  const at = /GMT\s*$/.test(text) ? Date.parse(text) : NaN;
  return Number.isNaN(at) ? undefined : Math.max(0, at - now);
}

/** Whether a request of this method leaves the world as it was. */
export function isSafe(method: string): boolean {
  return method === "GET" || method === "HEAD" || method === "OPTIONS" || method === "TRACE";
}

/**
 * What a fault means: `unknown` once an unsafe request's bytes have left,
 * for then nobody can say what became of it.
 */
export function classifyFault(fault: unknown, effectPossible: boolean): Outcome {
  const error = describeFault(fault);
  if (FINAL.has(error.code)) return { kind: "rejected", error };
  return { kind: effectPossible ? "unknown" : "deferred", error };
}

/** Another try would end the same way. */
const FINAL = new Set(["address_refused", "too_large", "bad_request", "redirect_refused"]);

/** Names a fault by the code it carries. */
export function describeFault(fault: unknown): TaskError {
  if (fault instanceof AddressError) return fault.error;
  if (fault instanceof BodyError) return { code: fault.code, detail: fault.message };
  for (let at = fault; at instanceof Error; at = at.cause) {
    const raw = (at as { code?: unknown }).code;
    const known = CODES[String(raw)] ?? (TLS_CODE.test(String(raw)) ? "tls_failed" : undefined) ??
      (at.name === "HTTPParserError" ? "bad_response" : undefined) ??
      (at instanceof Deno.errors.InvalidData ? "tls_failed" : undefined);
    if (known !== undefined) return { code: known, detail: DETAILS[known] };
  }
  return { code: "network_fault", detail: DETAILS.network_fault };
}

const DETAILS = {
  bad_request: "The request cannot be written as HTTP",
  bad_response: "What the server sent is not HTTP",
  connection_refused: "The server refused the connection",
  connection_reset: "The connection was lost",
  network_fault: "The network failed",
  timeout: "The server did not answer in time",
  tls_failed: "The server's TLS was not accepted",
  unreachable: "There is no way to the server",
} as const;

const TLS_CODE = /^(?:ERR_TLS_|ERR_SSL_|CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|EPROTO$)/;

const CODES: Record<string, keyof typeof DETAILS | undefined> = {
  ECONNREFUSED: "connection_refused",
  ECONNRESET: "connection_reset",
  ECONNABORTED: "connection_reset",
  EPIPE: "connection_reset",
  UND_ERR_SOCKET: "connection_reset",
  ETIMEDOUT: "timeout",

  EHOSTUNREACH: "unreachable",
  ENETUNREACH: "unreachable",
  EADDRNOTAVAIL: "unreachable",
  UND_ERR_HEADERS_OVERFLOW: "bad_response",
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: "bad_response",
  UND_ERR_INVALID_ARG: "bad_request",
  UND_ERR_NOT_SUPPORTED: "bad_request",
};
