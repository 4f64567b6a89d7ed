/**
 * The submits, as the OpenAPI document tells them.
 *
 * @module
 */

import type { Json } from "../../task/task.ts";
import { type Answer, json, type Operation, parameter } from "./operation.ts";
import type { ProblemCode } from "../problems.ts";
import { ref } from "./shapes.ts";

const submitHeaders = [
  parameter("header", "Idempotency-Key", "The same submit twice is one; kept for 24 hours."),
  parameter(
    "header",
    "Prefer",
    "wait=10: answer 200 with what is final after at most so many seconds.",
  ),
  parameter("query", "dryRun", "Tell what would come of it, and store nothing.", { const: "true" }),
  parameter("header", "X-Request-Id", "Kept with the task and passed on."),
  parameter("header", "traceparent", "W3C Trace Context; kept with the task and passed on."),
];

/** Why nothing may be taken in. */
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
/** Headers of what was accepted. */
export const submitHeadersOut = ["Location", "PreferenceApplied", "RateLimit", "RateLimitPolicy"];

const submitAnswers: Answer[] = [
  {
    status: "200",
    description:
      "With Prefer: wait, what has become final in time; or the results, line by line; or what a dry run tells.",
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
    description: "Accepted: it is kept, and will be carried out.",
    headers: submitHeadersOut,
    content: json({ oneOf: [ref("Task"), ref("SubmittedBatch")] }),
  },
];

/** How tasks are taken in. */
export const submitOperations: readonly Operation[] = [
  {
    method: "POST",
    path: "/notify",
    id: "notify",
    tag: "Submit",
    summary: "Send a mail, or a note to a chat or push service",
    description: "All addresses of one request are one mail; each channel's URL is a task of its " +
      "own, and several targets are a batch. With Accept: application/x-ndjson the results of a " +
      "batch follow in the answer.",
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
    description: "A single request may be 1 MiB, a batch 32 MiB. With Accept: " +
      "application/x-ndjson the results of a batch follow in the answer.",
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
