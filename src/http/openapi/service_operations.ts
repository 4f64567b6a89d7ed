/**
 * Batches, and the service itself, as the OpenAPI document tells them.
 *
 * @module
 */

import { answered, batchId, json, looking, type Operation, parameter, wait } from "./operation.ts";
import { ref } from "./shapes.ts";

const html = {
  status: "200",
  description: "A page.",
  content: { "text/html": { schema: { type: "string" } } },
} as const;

const PAGE_HEADERS = ["ContentSecurityPolicy", "CacheControl"];

/** How batches are waited for. */
export const batchOperations: readonly Operation[] = [
  {
    method: "GET",
    path: "/batches/{id}",
    id: "getBatch",
    tag: "Batches",
    summary: "Read a batch",
    parameters: [batchId, wait],
    answers: [answered(200, "Batch", "The batch.")],
    refusals: looking,
  },
  {
    method: "DELETE",
    path: "/batches/{id}",
    id: "cancelBatch",
    tag: "Batches",
    summary: "Cancel what is left of a batch",
    parameters: [batchId],
    answers: [answered(200, "Batch", "The batch; what was running is being aborted.")],
    refusals: looking,
  },
  {
    method: "GET",
    path: "/batches/{id}/results",
    id: "getResults",
    tag: "Batches",
    summary: "Read the tasks of a batch, each as it becomes final",
    description:
      "An empty line every 15 s says that the answer is alive; it ends when all are done.",
    parameters: [batchId],
    answers: [{
      status: "200",
      description: "Each line is one task.",
      content: { "application/x-ndjson": { schema: ref("Task") } },
    }],
    refusals: looking,
  },
];

/** How the service is watched. */
export const serviceOperations: readonly Operation[] = [
  {
    method: "GET",
    path: "/status",
    id: "getStatus",
    tag: "Service",
    summary: "How the service is",
    answers: [answered(200, "Status", "Its state.")],
    refusals: ["invalid", "engine_down"],
  },
  {
    method: "GET",
    path: "/status/{id}",
    id: "getBrief",
    tag: "Service",
    summary: "The state of a task or a batch in brief, for pollers",
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
    summary: "Whether the process answers",
    answers: [answered(200, "Live", "It does.")],
    refusals: [],
  },
  {
    method: "GET",
    path: "/readyz",
    id: "ready",
    tag: "Service",
    open: true,
    summary: "Whether traffic should come here",
    answers: [
      answered(200, "Ready", "It should."),
      answered(503, "Ready", "It should not.", ["RetryAfter"]),
    ],
    refusals: [],
  },
  {
    method: "GET",
    path: "/metrics",
    id: "metrics",
    tag: "Service",
    summary: "Figures for Prometheus",
    answers: [{
      status: "200",
      description: "Prometheus' text format.",
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
    summary: "Alert rules for Prometheus",
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
    summary: "A dashboard for Grafana, to be imported",
    answers: [{
      status: "200",
      description: "The dashboard.",
      content: json({ type: "object" }),
    }],
    refusals: ["invalid"],
  },
  {
    method: "GET",
    path: "/",
    id: "dashboard",
    tag: "Service",
    open: true,
    summary: "The dashboard, for people",
    description: "Its further pages are below /ui/. Whoever is not signed in is led to /ui/signin.",
    answers: [
      { ...html, headers: PAGE_HEADERS },
      {
        status: "303",
        description: "An API key is needed: to the door.",
        headers: ["Location", "CacheControl"],
      },
      { ...html, status: "403", description: "Not for this key.", headers: PAGE_HEADERS },
    ],
    refusals: [],
  },
  {
    method: "GET",
    path: "/docs",
    id: "docs",
    tag: "Service",
    open: true,
    summary: "The reader of this document",
    answers: [{ ...html, headers: PAGE_HEADERS }],
    refusals: ["invalid"],
  },
  {
    method: "GET",
    path: "/manual",
    id: "manual",
    tag: "Service",
    open: true,
    summary: "The manual: its pages, or those that a search finds",
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
    summary: "A page of the manual",
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
    summary: "This document",
    answers: [{ status: "200", description: "OpenAPI 3.1.", content: json({ type: "object" }) }],
    refusals: ["invalid"],
  },
];
