/**
 * Everything that can be wrong with a call, as RFC 9457 has it told.
 *
 * A handler that cannot go on throws a `Refusal`; `answerError` makes the
 * answer of it, and of whatever else was thrown.
 *
 * @module
 */

import type { Log } from "../lib/log.ts";
import { EngineError } from "../queue/engine.ts";
import type { Issue } from "../task/issues.ts";

/** The codes of the contract. */
export type ProblemCode =
  | "malformed_json"
  | "unauthorized"
  | "forbidden"
  | "not_found"
  | "method_not_allowed"
  | "idempotency_in_progress"
  | "not_cancellable"
  | "not_retryable"
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

/** Every code with the HTTP status it comes with and its title. */
export const PROBLEMS: Readonly<Record<ProblemCode, readonly [status: number, title: string]>> = {
  malformed_json: [400, "The body is not JSON"],
  unauthorized: [401, "An API key is needed"],
  forbidden: [403, "This is not allowed"],
  not_found: [404, "There is no such thing"],
  method_not_allowed: [405, "This path knows other methods"],
  idempotency_in_progress: [409, "The first call with this Idempotency-Key is still under way"],
  not_cancellable: [409, "The task cannot be cancelled any more"],
  not_retryable: [409, "The task cannot be tried now"],
  too_large: [413, "The body is too large"],
  unsupported_media_type: [415, "The body must be JSON"],
  range_not_satisfiable: [416, "There is nothing at that place"],
  invalid: [422, "The request is not valid"],
  address_refused: [422, "The address may not be called"],
  idempotency_conflict: [422, "The Idempotency-Key was used with another body"],
  rate_limited: [429, "Too many requests"],
  internal: [500, "Something went wrong here"],
  queue_full: [503, "The queue is full"],
  shutting_down: [503, "The service is shutting down"],
  engine_down: [503, "The queue is away"],
  storage_full: [507, "The disk is full"],
};

/** What a refusal may carry beside its code. */
export interface RefusalDetails {
  /** What exactly, and what to do about it. */
  readonly detail: string;
  /** The fields that are to blame. */
  readonly errors?: readonly Issue[];
  /** The task that stands in the way. */
  readonly task?: unknown;
  /** `Allow`, `Content-Range`, `Retry-After` … */
  readonly headers?: Readonly<Record<string, string>>;
}

/** Ends a handler: the caller is told why. */
export class Refusal extends Error {
  /** `Refusal`. */
  override name = "Refusal";
  /** Which problem it is. */
  readonly code: ProblemCode;
  /** What else is told. */
  readonly details: RefusalDetails;

  /** `detail` says what exactly, and what to do about it. */
  constructor(code: ProblemCode, details: RefusalDetails | string) {
    const full = typeof details === "string" ? { detail: details } : details;
    super(full.detail);
    this.code = code;
    this.details = full;
  }
}

/** Refuses whatever would store a task once the service has begun to stop. */
export function shuttingDown(): Refusal {
  return new Refusal("shutting_down", "The service is shutting down and accepts no new tasks");
}

/** Refuses a request for what is wrong with its body or its query. */
export function refuseIssues(faults: readonly Issue[]): Refusal {
  const code = faults.every((fault) => fault.code === "address_refused")
    ? "address_refused"
    : "invalid";
  const [first] = faults;
  const where = first?.pointer ? `${first.pointer}: ` : "";
  const more = faults.length > 1 ? ` (and ${faults.length - 1} more)` : "";
  const errors = faults.map(({ pointer, detail }) => ({ pointer, detail }));
  return new Refusal(code, { detail: `${where}${first?.detail ?? ""}${more}`, errors });
}

/** Seconds after which a service that is full or away may be asked again. */
const RETRY_AFTER = "5";

/** The answer to a call that ended in `error`. What is not expected is logged, once, and not told. */
export function respondError(error: unknown, requestId: string, log: Log): Response {
  if (error instanceof Refusal) return problemAnswer(error, requestId);
  if (error instanceof EngineError) {
    log.error("The engine cannot go on", { requestId, error });
    const detail = "Nothing was stored. Try again later.";
    return problemAnswer(new Refusal("engine_down", detail), requestId);
  }
  log.error("A request failed by a fault of ours", { requestId, error });
  const detail = `Look for ${requestId} in the log.`;
  return problemAnswer(new Refusal("internal", detail), requestId);
}

function problemAnswer({ code, details }: Refusal, requestId: string): Response {
  const [status, title] = PROBLEMS[code];
  const body = {
    type: `urn:postrider:problem:${code}`,
    title,
    status,
    detail: details.detail,
    code,
    errors: details.errors,
    task: details.task,
    requestId,
  };
  return new Response(JSON.stringify(body), {
    status,
    headers: {
      "content-type": "application/problem+json",
      "x-request-id": requestId,
      ...(status === 503 || status === 507 ? { "retry-after": RETRY_AFTER } : {}),
      ...details.headers,
    },
  });
}
