/**
 * An example of each answer, for who reads the OpenAPI document.
 *
 * @module
 */

import type { Json } from "../../task/task.ts";

const ID = "tsk_01jd4k6hm0e009m5vj8c2q7x3a";
const BATCH = "bat_01jd4k6hm0e009m5vj8c2q7x3b";
const counts = { queued: 0, running: 1, succeeded: 9, failed: 0, cancelled: 0, expired: 0 };

const summary: { [name: string]: Json } = {
  id: ID,
  type: "fetch",
  state: "succeeded",
  delivery: "delivered",
  attempt: 2,
  createdAt: "2026-11-20T12:00:00.000Z",
  finishedAt: "2026-11-20T12:00:01.250Z",
  priority: 5,
  tags: ["deploy"],
  source: "api",
  label: "GET https://api.example.org/health",
  host: "api.example.org",
};

const error = { code: "http_503", detail: "The server answered 503" };

/** By the name of the schema. */
export const examples: Readonly<Record<string, Json>> = {
  TaskError: error,
  TaskSummary: summary,
  Task: {
    ...summary,
    attempts: [
      {
        number: 1,
        startedAt: "2026-11-20T12:00:00.004Z",
        endedAt: "2026-11-20T12:00:00.054Z",
        outcome: "deferred",
        error,
      },
      {
        number: 2,
        startedAt: "2026-11-20T12:00:01.200Z",
        endedAt: "2026-11-20T12:00:01.250Z",
        outcome: "delivered",
      },
    ],
    payload: { url: "https://example.org/deploy?token=***", method: "POST" },
    result: { status: 204, bytes: 0 },
  },
  TaskBrief: { id: ID, type: "fetch", state: "running", attempt: 1 },
  TaskEvent: {
    id: ID,
    type: "fetch",
    state: "running",
    attempt: 1,
    at: "2026-11-20T12:00:00.004Z",
    progress: { bytes: 65_536, totalBytes: 1_048_576, rate: 262_144 },
  },
  TaskPage: { data: [summary], nextCursor: "c4k6hm0e009" },
  Counts: counts,
  Batch: {
    id: BATCH,
    total: 10,
    counts,
    done: false,
    progress: { finished: 0.9, bytes: 65_536, totalBytes: 1_048_576, rate: 262_144 },
  },
  BatchSummary: {
    id: BATCH,
    createdAt: "2026-11-20T12:00:00.000Z",
    total: 10,
    counts,
    done: false,
  },
  NewPause: { host: "api.example.org", until: "30m", reason: "Maintenance of the other side" },
  Pause: {
    id: "pau_01jd4k6hm0e009m5vj8c2q7x3b",
    host: "api.example.org",
    until: "2026-11-20T12:30:00.000Z",
    reason: "Maintenance of the other side",
    by: "ops",
    createdAt: "2026-11-20T12:00:00.000Z",
  },
  BatchBrief: { id: BATCH, total: 10, counts, done: false },
  SubmittedBatch: {
    id: BATCH,
    total: 1,
    counts: { ...counts, running: 0, queued: 1, succeeded: 0 },
    done: false,
    tasks: [{ id: ID, state: "queued" }],
  },
  Lane: {
    lane: "https://example.org:443",
    running: 3,
    limit: 64,
    heldUntil: "2026-11-20T12:00:02.000Z",
    reason: "429 with Retry-After: 2",
  },
  Ready: { status: "ready" },
  Problem: {
    type: "urn:postrider:problem:invalid",
    title: "The request is not valid",
    status: 422,
    detail: "/to: Expected mail addresses",
    code: "invalid",
    errors: [{ pointer: "/to", detail: "Expected mail addresses" }],
    requestId: "req_mi7k2x0s_1",
  },
};
