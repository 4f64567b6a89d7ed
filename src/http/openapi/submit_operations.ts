/**
 * The operations that submit tasks.
 *
 * @module
 */

import type { Json } from "../../task/task.ts";
import { type Answer, json, type Operation, parameter } from "./operation.ts";
import type { ProblemCode } from "../problems.ts";
import { ref } from "./shapes.ts";

/** The headers and the query of a submit. */
export const submitHeaders: readonly Json[] = [
  parameter(
    "header",
    "Idempotency-Key",
    "Two submits with the same key and body create tasks once; kept for 24 hours.",
  ),
  parameter(
    "header",
    "Prefer",
    "wait=10: the response comes when the tasks are final, or after 10 seconds.",
  ),
  parameter(
    "query",
    "dryRun",
    "true: the response says what would be created, and nothing is stored.",
    { const: "true" },
  ),
  parameter("header", "X-Request-Id", "Kept with the tasks and sent with their requests."),
  parameter(
    "header",
    "traceparent",
    "W3C Trace Context; kept with the tasks and sent with their requests.",
  ),
];

/** The problems of a submit. */
export const submitRefusals: ProblemCode[] = [
  "malformed_json",
  "idempotency_in_progress",
  "too_large",
  "unsupported_media_type",
  "invalid",
  "idempotency_conflict",
  "rate_limited",
  "queue_full",
  "shutting_down",
  "engine_down",
  "storage_full",
  "not_found",
];
/** The headers of an accepted submit. */
export const submitHeadersOut = ["Location", "PreferenceApplied", "RateLimit", "RateLimitPolicy"];

/** The answers of a submit. */
export const submitAnswers: Answer[] = [
  {
    status: "200",
    description:
      "With Prefer: wait, tasks that became final in time; with Accept: application/x-ndjson, the results line by line; with dryRun, what would be created.",
    headers: submitHeadersOut,
    content: {
      ...json({ oneOf: [ref("Task"), ref("SubmittedBatch"), ref("DryRun")] }) as Record<
        string,
        Json
      >,
      "application/x-ndjson": { schema: ref("Task") },
    },
  },
  {
    status: "202",
    description: "Accepted and stored.",
    headers: submitHeadersOut,
    content: json({ oneOf: [ref("Task"), ref("SubmittedBatch")] }),
  },
];

/** Operations that submit tasks. */
export const submitOperations: readonly Operation[] = [
  {
    method: "POST",
    path: "/notify",
    id: "notify",
    tag: "Submit",
    summary: "Send a mail, or a message to a chat or push service",
    description:
      "All mail addresses of one request get one mail. Each other target is a task of its own, " +
      "and several tasks are a batch. The response comes once everything is stored. With Accept: " +
      "application/x-ndjson the results of a batch follow in the response.",
    parameters: submitHeaders,
    body: {
      required: true,
      content: json({ oneOf: [ref("Notification"), ref("Notifications")] }, {
        to: "Ada <ada@example.org>",
        subject: "Build 42 is green",
        text: "All tests pass.",
      }),
    },
    answers: submitAnswers,
    refusals: submitRefusals,
  },
  {
    method: "POST",
    path: "/fetch",
    id: "fetch",
    tag: "Submit",
    summary: "Make an HTTP request, or a batch of them",
    description:
      "The response comes once everything is stored. A single request may have 1 MiB, a batch 32 " +
      "MiB. With Accept: application/x-ndjson the results of a batch follow in the response.",
    parameters: submitHeaders,
    body: {
      required: true,
      content: json({ oneOf: [ref("Request"), ref("Requests"), ref("Urls")] }, {
        url: "https://example.org/hook",
        json: { build: 42 },
        retry: "5s, 1m",
      }),
    },
    answers: submitAnswers,
    refusals: [...submitRefusals, "address_refused"],
  },
];
