/**
 * What a response, or a fault instead of one, means for a task.
 *
 * @module
 */

import { compact } from "../../lib/compact.ts";
import type { Expectation } from "../../task/expect.ts";
import type { LaneHold, Outcome } from "../../task/outcome.ts";
import { describeFault } from "../faults.ts";
import type { TaskError } from "../../task/task.ts";
import { isSafe } from "../upstream.ts";
import type { ResponseHead } from "./exchange.ts";
import { parseRetryAfter, rateLimitOf } from "./rate_headers.ts";

/** The longest delay requested by a server that is honoured, in milliseconds. */
const MAX_RETRY_AFTER_MS = 24 * 3_600_000;
/** The longest that one response may hold a whole lane, in milliseconds. */
const MAX_HOLD_MS = 3_600_000;

/** 2xx, and 3xx that is not followed, are delivered; 408, 425, 429 and 5xx are deferred. */
function classifyStatus({ status, headers }: ResponseHead, now: number): Outcome {
  const retryAfter = headers["retry-after"];
  const limited = limitOf(status, headers, now);
  if (status < 400) return { kind: "delivered", ...limited };
  const error = { code: `http_${status}`, detail: `The server answered ${status}` };
  if (status < 500 && ![408, 425, 429].includes(status)) {
    return { kind: "rejected", error, ...limited };
  }
  const requestedMs = parseRetryAfter(retryAfter, now);
  if (requestedMs === undefined) {
    const retryAfterMs = status === 429 ? limited.hold?.forMs : undefined;
    return {
      kind: "deferred",
      error,
      ...compact({ retryAfterMs }),
      ...limited,
    };
  }
  const retryAfterMs = Math.min(requestedMs, MAX_RETRY_AFTER_MS);
  return { kind: "deferred", error, retryAfterMs, ...holdOf(status, retryAfter, retryAfterMs) };
}

/** As `classifyStatus`, but the statuses that the caller expects take precedence. */
export function classifyResponse(
  head: ResponseHead,
  expect: Expectation | undefined,
  method: string,
  now: number,
): Outcome {
  const outcome = classifyStatus(head, now);
  const { status: wanted } = expect ?? {};
  if (!wanted) return outcome;
  // 206 is the answer to our own Range, which asks for the rest of the same file.
  if (wanted.includes(head.status) || (head.status === 206 && wanted.includes(200))) {
    return { kind: "delivered", ...compact({ hold: outcome.hold }) };
  }
  if (outcome.kind !== "delivered") return outcome;
  const detail = `Expected the status ${wanted.join(" or ")}, got ${head.status}`;
  return { ...outcome, ...unexpected(detail, method) };
}

/**
 * The outcome of a response that does not meet the expectations. A safe request
 * is tried again; an unsafe one is not, because its effect must not happen twice.
 */
export function unexpected(detail: string, method: string): Outcome {
  const error = { code: "expectation_failed", detail };
  return { kind: isSafe(method) ? "deferred" : "rejected", error, delivery: "delivered" };
}

function holdOf(status: number, said = "", forMs: number): { hold?: LaneHold } {
  if (status !== 429 && status !== 503) return {};
  const reason = `${status} with Retry-After: ${said.trim().slice(0, 40)}`;
  return { hold: { forMs: Math.min(forMs, MAX_HOLD_MS), reason } };
}

/** Holds a host whose rate limit headers, or a 429 beside a reset, say that no request is left. */
function limitOf(
  status: number,
  headers: ResponseHead["headers"],
  now: number,
): { hold?: LaneHold } {
  const { left = status === 429 ? 0 : undefined, resetMs } = rateLimitOf(headers, now);
  if (left !== 0 || resetMs === undefined || resetMs <= 0) return {};
  const forMs = Math.min(resetMs, MAX_HOLD_MS);
  return { hold: { forMs, reason: "its RateLimit header says that no requests remain" } };
}

/** What a fault means: `unknown` once an unsafe request may have reached the server. */
export function classifyFault(fault: unknown, effectPossible: boolean): Outcome {
  return classifyError(describeFault(fault), effectPossible);
}

/** As `classifyFault`, for a fault that has been described. */
export function classifyError(error: TaskError, effectPossible: boolean): Outcome {
  if (FINAL.has(error.code)) return { kind: "rejected", error };
  return { kind: effectPossible ? "unknown" : "deferred", error };
}

/** The outcome of a safe request that was delivered, and whose body is not complete. */
export function unusable(error: TaskError): Outcome {
  return { kind: FINAL.has(error.code) ? "rejected" : "deferred", error, delivery: "delivered" };
}

/** Faults that another try would only repeat. */
const FINAL = new Set(["address_refused", "too_large", "bad_request", "redirect_refused"]);
