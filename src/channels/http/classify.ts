/**
 * What an answer, or the lack of one, means for a task.
 *
 * @module
 */

import { compact } from "../../lib/compact.ts";
import type { Expectation } from "../../task/expect.ts";
import type { LaneHold, Outcome } from "../../task/outcome.ts";
import { describeFault } from "../faults.ts";
import type { ResponseHead } from "./exchange.ts";
import { parseRetryAfter, rateLimitOf } from "./rate_headers.ts";

/** The longest wish of an upstream that is heeded, in milliseconds. */
const MAX_WISH_MS = 24 * 3_600_000;
/** The longest that one answer may hold a whole lane, in milliseconds. */
const MAX_HOLD_MS = 3_600_000;

/** 2xx, and 3xx that nobody follows, are delivered; what may pass is deferred. */
export function classifyStatus({ status, headers }: ResponseHead, now: number): Outcome {
  const retryAfter = headers["retry-after"];
  const limited = limitOf(headers, now);
  if (status < 400) return { kind: "delivered", ...limited };
  const error = { code: `http_${status}`, detail: `The server answered ${status}` };
  if (status < 500 && ![408, 425, 429].includes(status)) {
    return { kind: "rejected", error, ...limited };
  }
  const wishMs = parseRetryAfter(retryAfter, now);
  if (wishMs === undefined) {
    const retryAfterMs = status === 429 ? limited.hold?.forMs : undefined;
    return {
      kind: "deferred",
      error,
      ...compact({ retryAfterMs }),
      ...limited,
    };
  }
  const retryAfterMs = Math.min(wishMs, MAX_WISH_MS);
  return { kind: "deferred", error, retryAfterMs, ...holdOf(status, retryAfter, retryAfterMs) };
}

/** As `classifyStatus`, but a caller who expects certain statuses has the last word. */
export function classifyAnswer(
  head: ResponseHead,
  expect: Expectation | undefined,
  method: string,
  now: number,
): Outcome {
  const outcome = classifyStatus(head, now);
  const { status: wanted } = expect ?? {};
  if (!wanted) return outcome;
  // The rest of a file is as good as the whole of it.
  if (wanted.includes(head.status) || (head.status === 206 && wanted.includes(200))) {
    return { kind: "delivered", ...compact({ hold: outcome.hold }) };
  }
  if (outcome.kind !== "delivered") return outcome;
  const detail = `Expected the status ${wanted.join(" or ")}, got ${head.status}`;
  return { ...outcome, ...unexpected(detail, method) };
}

/**
 * An answer that is not what was expected: a question may be asked again, but
 * what was done may not be done twice.
 */
export function unexpected(detail: string, method: string): Outcome {
  const error = { code: "expectation_failed", detail };
  return { kind: isSafe(method) ? "deferred" : "rejected", error };
}

function holdOf(status: number, said = "", forMs: number): { hold?: LaneHold } {
  if (status !== 429 && status !== 503) return {};
  const reason = `${status} with Retry-After: ${said.trim().slice(0, 40)}`;
  return { hold: { forMs: Math.min(forMs, MAX_HOLD_MS), reason } };
}

/** A host that says how much it still takes is left alone when that is nothing. */
function limitOf(headers: ResponseHead["headers"], now: number): { hold?: LaneHold } {
  const { left, resetMs } = rateLimitOf(headers, now);
  if (left !== 0 || resetMs === undefined || resetMs <= 0) return {};
  const forMs = Math.min(resetMs, MAX_HOLD_MS);
  return { hold: { forMs, reason: "its RateLimit says that nothing is left" } };
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
