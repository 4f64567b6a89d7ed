/**
 * What an answer, or the lack of one, means for a task.
 *
 * @module
 */

import type { LaneHold, Outcome } from "../task/outcome.ts";
import { describeFault } from "./faults.ts";

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
