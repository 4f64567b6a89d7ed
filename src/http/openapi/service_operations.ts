/**
 * The operations on batches and on the service itself.
 *
 * @module
 */

import {
  answered,
  batchId,
  json,
  looking,
  type Operation,
  page,
  parameter,
  wait,
} from "./operation.ts";
import { open, ref } from "./shapes.ts";

const html = {
  status: "200",
  description: "A page.",
  content: { "text/html": { schema: { type: "string" } } },
} as const;

const PAGE_HEADERS = ["ContentSecurityPolicy", "CacheControl"];

/** Operations on batches. */
export const batchOperations: readonly Operation[] = [
  {
    method: "GET",
    path: "/batches",
    id: "listBatches",
    tag: "Batches",
    summary: "List batches, newest first",
    description: "Those of the caller's API key; with the scope read, those of all.",
    parameters: [...page],
    answers: [answered(200, "BatchPage", "One page.", ["Link"])],
    refusals: ["invalid", "engine_down"],
  },
  {
    method: "GET",
    path: "/batches/{id}",
    id: "getBatch",
    tag: "Batches",
    summary: "Read a batch",
    description:
      "With wait, the response comes as soon as all tasks of the batch are final or the time is " +
      "up.",
    parameters: [batchId, wait],
    answers: [answered(200, "Batch", "The batch.")],
    refusals: looking,
  },
  {
    method: "DELETE",
    path: "/batches/{id}",
    id: "cancelBatch",
    tag: "Batches",
    summary: "Cancel the unfinished tasks of a batch",
    description:
      "Waiting tasks are cancelled at once, running ones are aborted. Follow-ups of the batch are " +
      "not created.",
    parameters: [batchId],
    answers: [answered(200, "Batch", "The batch; its running tasks are being aborted.")],
    refusals: looking,
  },
  {
    method: "GET",
    path: "/batches/{id}/results",
    id: "getResults",
    tag: "Batches",
    summary: "Read the tasks of a batch, each as it becomes final",
    description:
      "One line of JSON for each task. An empty line every 15 s keeps the connection open; the " +
      "response ends when all tasks are final.",
    parameters: [batchId],
    answers: [{
      status: "200",
      description: "Each line is one task.",
      content: { "application/x-ndjson": { schema: ref("Task") } },
    }],
    refusals: looking,
  },
];

/** Operations on the service itself. */
export const serviceOperations: readonly Operation[] = [
  {
    method: "GET",
    path: "/status",
    id: "getStatus",
    tag: "Service",
    summary: "Read the state of the service",
    description:
      "Counts, rates and latencies, the busiest hosts and relays, and the threads that run " +
      "attempts.",
    answers: [answered(200, "Status", "The state.")],
    refusals: ["invalid", "engine_down"],
  },
  {
    method: "GET",
    path: "/status/{id}",
    id: "getBrief",
    tag: "Service",
    summary: "Read the state of a task or a batch in brief",
    description: "A small response for programs that poll.",
    parameters: [parameter("path", "id", "tsk_… or bat_…")],
    answers: [{
      status: "200",
      description: "The state.",
      content: json({ oneOf: [ref("TaskBrief"), ref("BatchBrief")] }),
    }],
    refusals: looking,
  },
  {
    method: "GET",
    path: "/livez",
    id: "live",
    tag: "Service",
    open: true,
    summary: "Check that the process answers",
    description: "For a liveness probe. It names threads that were given up.",
    answers: [answered(200, "Live", "The process answers.")],
    refusals: [],
  },
  {
    method: "GET",
    path: "/readyz",
    id: "ready",
    tag: "Service",
    open: true,
    summary: "Check that the service accepts requests",
    description:
      "For a readiness probe. It is not ready while it stops, and while its queue is unavailable " +
      "or has no room on the disk.",
    answers: [
      answered(200, "Ready", "The service accepts requests."),
      answered(503, "Ready", "The service does not accept requests.", ["RetryAfter"]),
    ],
    refusals: [],
  },
  {
    method: "GET",
    path: "/metrics",
    id: "metrics",
    tag: "Service",
    summary: "Read the metrics",
    description: "In the text format of Prometheus.",
    answers: [{
      status: "200",
      description: "The metrics.",
      content: {
        "text/plain": {
          schema: { type: "string" },
          example: '# TYPE postrider_tasks gauge\npostrider_tasks{state="queued"} 3\n',
        },
      },
    }],
    refusals: ["invalid", "engine_down"],
  },
  {
    method: "GET",
    path: "/metrics/alerts.yaml",
    id: "alerts",
    tag: "Service",
    open: true,
    summary: "Download alert rules for Prometheus",
    description: "A rule file with thresholds for the metrics of this service.",
    answers: [{
      status: "200",
      description: "A rule file.",
      content: { "application/yaml": { schema: { type: "string" } } },
    }],
    refusals: ["invalid"],
  },
  {
    method: "GET",
    path: "/metrics/grafana.json",
    id: "grafana",
    tag: "Service",
    open: true,
    summary: "Download a dashboard for Grafana",
    description: "A dashboard to import, for the metrics of this service.",
    answers: [{
      status: "200",
      description: "The dashboard.",
      content: json(open("A dashboard of Grafana.")),
    }],
    refusals: ["invalid"],
  },
  {
    method: "GET",
    path: "/",
    id: "dashboard",
    tag: "Service",
    open: true,
    summary: "Open the dashboard",
    description:
      "Pages for people; further pages are below /ui/. Without a session it redirects to " +
      "/ui/signin.",
    answers: [
      { ...html, headers: PAGE_HEADERS },
      {
        status: "303",
        description: "Not signed in: to the sign-in page.",
        headers: ["Location", "CacheControl"],
      },
      {
        ...html,
        status: "403",
        description: "The API key lacks the scope.",
        headers: PAGE_HEADERS,
      },
    ],
    refusals: [],
  },
  {
    method: "GET",
    path: "/docs",
    id: "docs",
    tag: "Service",
    open: true,
    summary: "Open the reader of this document",
    description: "A page for people that shows this document; it needs nothing from other hosts.",
    answers: [{ ...html, headers: PAGE_HEADERS }],
    refusals: ["invalid"],
  },
  {
    method: "GET",
    path: "/client.js",
    id: "clientScript",
    tag: "Service",
    open: true,
    summary: "Download the client",
    description: "The client as one file of plain JavaScript, for Node 20, Deno, Bun and browsers.",
    answers: [{
      status: "200",
      description: "The client.",
      headers: ["ETag"],
      content: { "text/javascript": { schema: { type: "string" } } },
    }],
    refusals: ["invalid"],
  },
  {
    method: "GET",
    path: "/client.d.ts",
    id: "clientTypes",
    tag: "Service",
    open: true,
    summary: "Download the client's types",
    description: "All types of /client.js, for TypeScript, in one file.",
    answers: [{
      status: "200",
      description: "The types.",
      headers: ["ETag"],
      content: { "text/plain": { schema: { type: "string" } } },
    }],
    refusals: ["invalid"],
  },
  {
    method: "GET",
    path: "/manual",
    id: "manual",
    tag: "Service",
    open: true,
    summary: "Open the manual",
    description: "The list of its pages, or those that a search finds.",
    parameters: [parameter("query", "q", "Words to search for.")],
    answers: [{ ...html, headers: PAGE_HEADERS }],
    refusals: ["invalid"],
  },
  {
    method: "GET",
    path: "/manual/{name}",
    id: "manualPage",
    tag: "Service",
    open: true,
    summary: "Open a page of the manual",
    description: "One subject a page.",
    parameters: [parameter("path", "name", "The name of the page, such as notify.")],
    answers: [{ ...html, headers: PAGE_HEADERS }],
    refusals: ["not_found", "invalid"],
  },
  {
    method: "GET",
    path: "/openapi.json",
    id: "openapi",
    tag: "Service",
    open: true,
    summary: "Read this document",
    description: "The description of this API in OpenAPI 3.1.",
    answers: [{
      status: "200",
      description: "OpenAPI 3.1.",
      content: json(open("An OpenAPI document.")),
    }],
    refusals: ["invalid"],
  },
];
