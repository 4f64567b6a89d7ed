/**
 * Every error response, in the format of RFC 9457.
 *
 * A handler refuses a request by throwing a `Refusal`; `respondError` turns it,
 * and any unexpected error, into a response.
 *
 * @module
 */

import type { Log } from "../lib/log.ts";
import type { Metrics } from "../lib/metrics.ts";
import { EngineError } from "../queue/engine.ts";
import type { Issue } from "../task/issues.ts";

/** The error codes of the API. */
export type ProblemCode =
  | "bad_request"
  | "malformed_json"
  | "unauthorized"
  | "forbidden"
  | "not_found"
  | "method_not_allowed"
  | "idempotency_in_progress"
  | "not_cancellable"
  | "not_retryable"
  | "not_supported"
  | "not_final"
  | "too_large"
  | "unsupported_media_type"
  | "range_not_satisfiable"
  | "invalid"
  | "address_refused"
  | "idempotency_conflict"
  | "rate_limited"
  | "internal"
  | "queue_full"
  | "shutting_down"
  | "engine_down"
  | "storage_full";

/** HTTP status and title of each code. */
export const PROBLEMS: Readonly<Record<ProblemCode, readonly [status: number, title: string]>> = {
  bad_request: [400, "Bad request"],
  malformed_json: [400, "Malformed JSON"],
  unauthorized: [401, "API key required"],
  forbidden: [403, "Forbidden"],
  not_found: [404, "Not found"],
  method_not_allowed: [405, "Method not allowed"],
  idempotency_in_progress: [
    409,
    "The first request with this Idempotency-Key is still in progress",
  ],
  not_cancellable: [409, "Task cannot be cancelled"],
  not_retryable: [409, "Task cannot be retried"],
  not_supported: [409, "Not supported"],
  not_final: [409, "Task is not final"],
  too_large: [413, "Request body too large"],
  unsupported_media_type: [415, "Unsupported media type"],
  range_not_satisfiable: [416, "Range not satisfiable"],
  invalid: [422, "Invalid request"],
  address_refused: [422, "Address refused"],
  idempotency_conflict: [422, "Idempotency-Key was used with another body"],
  rate_limited: [429, "Too many requests"],
  internal: [500, "Internal error"],
  queue_full: [503, "Queue full"],
  shutting_down: [503, "Service shutting down"],
  engine_down: [503, "Queue unavailable"],
  storage_full: [507, "Storage full"],
};

/** All error codes. */
export const PROBLEM_CODES: readonly ProblemCode[] = Object.keys(PROBLEMS) as ProblemCode[];

/** What a refusal carries besides its code. */
export interface RefusalDetails {
  /** Instead of the title of the code. */
  readonly title?: string;
  /** What is wrong and how to fix it. */
  readonly detail: string;
  /** The invalid fields. */
  readonly errors?: readonly Issue[];
  /** The task that the request was about. */
  readonly task?: unknown;
  /** When to close the connection, although the request is not complete. */
  readonly closesAfter?: Promise<void>;
  /** Such as `Allow`, `Content-Range` or `Retry-After`. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** Refuses a request; the response gives the reason. */
export class Refusal extends Error {
  /** `Refusal`. */
  override name = "Refusal";
  /** The error code. */
  readonly code: ProblemCode;
  /** The rest of the response. */
  readonly details: RefusalDetails;

  /** `detail` says what is wrong and how to fix it. */
  constructor(code: ProblemCode, details: RefusalDetails | string) {
    const full = typeof details === "string" ? { detail: details } : details;
    super(full.detail);
    this.code = code;
    this.details = full;
  }
}

/** The detail of a 503 or 507: the request can be repeated as it is. */
export const NOTHING_STORED = "Nothing was stored: try again later";

/** Throws a `Refusal` while the service stops and accepts no tasks. */
export function requireAccepting({ accepting }: { readonly accepting: () => boolean }): void {
  if (accepting()) return;
  throw new Refusal("shutting_down", "The service is shutting down and accepts no new tasks");
}

/** Names of fields and words of callers are repeated up to this length, in UTF-16 code units. */
const MAX_REPEATED = 1_000;

function shortened(text: string): string {
  return text.length > MAX_REPEATED ? `${text.slice(0, MAX_REPEATED).toWellFormed()}…` : text;
}

/** Refuses a request because of issues in its body or query. */
export function refuseIssues(given: readonly Issue[]): Refusal {
  const code = given.every((issue) => issue.code === "address_refused")
    ? "address_refused"
    : "invalid";
  const issues = given.map(({ pointer, detail }) => ({
    pointer: shortened(pointer),
    detail: shortened(detail),
  }));
  const [first] = issues;
  const where = first?.pointer ? `${first.pointer}: ` : "";
  const more = issues.length > 1 ? ` (and ${issues.length - 1} more)` : "";
  return new Refusal(code, { detail: `${where}${first?.detail ?? ""}${more}`, errors: issues });
}

/** Headers of every response of the API: no browser guesses its type, no cache keeps it. */
export const API_HEADERS = {
  "cache-control": "no-store",
  "x-content-type-options": "nosniff",
} as const;

/** Seconds after which a full or unavailable service may be asked again. */
const RETRY_AFTER = "5";

/** Where failed requests are reported. */
export interface RefusalReports {
  /** Receives a line for each error that is no refusal. */
  readonly log: Log;
  /** Counts all of them. */
  readonly metrics?: Pick<Metrics, "refused">;
}

/**
 * The response to a request that failed, which is counted. An unexpected error is
 * logged and not disclosed.
 */
export function respondError(
  error: unknown,
  requestId: string,
  { log, metrics }: RefusalReports,
): Response {
  const refusal = error instanceof Refusal ? error : unexpected(error, requestId, log);
  metrics?.refused(refusal.code);
  return problemResponse(refusal, requestId);
}

function unexpected(error: unknown, requestId: string, log: Log): Refusal {
  if (error instanceof EngineError) {
    log.error("Queue engine failed", { requestId, error });
    return new Refusal("engine_down", NOTHING_STORED);
  }
  log.error("Request failed with an internal error", { requestId, error });
  return new Refusal("internal", `The log has the cause under request ${requestId}`);
}

function problemResponse({ code, details }: Refusal, requestId: string): Response {
  const [status, title] = PROBLEMS[code];
  const body = {
    type: `urn:postrider:problem:${code}`,
    title: details.title ?? title,
    status,
    detail: details.detail,
    code,
    errors: details.errors,
    task: details.task,
    requestId,
  };
  const text = JSON.stringify(body);
  return new Response(details.closesAfter ? cutOff(text, details.closesAfter) : text, {
    status,
    headers: {
      ...(details.closesAfter ? { "content-length": `${byteLength(text) + 1}` } : {}),
      "content-type": "application/problem+json",
      "x-request-id": requestId,
      ...API_HEADERS,
      ...(status === 503 || status === 507 ? { "retry-after": RETRY_AFTER } : {}),
      ...details.headers,
    },
  });
}

/**
 * A body that is one byte shorter than its `Content-Length`. Deno 2.9.6 has no
 * other way to close a connection whose request body is still being sent: it
 * reads the rest for as long as it comes, also with `Connection: close`.
 */
function cutOff(text: string, after: Promise<void>): ReadableStream<Uint8Array<ArrayBuffer>> {
  return new ReadableStream({
    async start(controller) {
      controller.enqueue(new TextEncoder().encode(text));
      await after;
      controller.close();
    },
  });
}

function byteLength(text: string): number {
  return new TextEncoder().encode(text).length;
}
