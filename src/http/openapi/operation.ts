/**
 * The operations of the document: what a route takes, and its responses.
 *
 * @module
 */

import { compact } from "../../lib/compact.ts";
import type { Json } from "../../task/task.ts";
import type { ProblemCode } from "../problems.ts";
import type { Route } from "../route.ts";
import { ref } from "./shapes.ts";

/** The groups of operations. */
export const TAGS = {
  Submit: "Notifications and HTTP requests to carry out, and the templates of mails.",
  Tasks: "Accepted requests: their state, their result, cancelling and retrying them.",
  Batches: "Tasks that were submitted together.",
  Triggers: "Hooks and schedules, which create tasks.",
  Service: "The service itself: its state, metrics, settings and documentation.",
} as const;

/** One operation of the document. */
export interface Operation extends Pick<Route, "method" | "path" | "open"> {
  /** `operationId`. */
  readonly id: string;
  /** The group that it is listed in. */
  readonly tag: keyof typeof TAGS;
  /** One line. */
  readonly summary: string;
  /** What it promises, in a sentence or two. */
  readonly description: string;
  /** Parameter objects. */
  readonly parameters?: readonly Json[];
  /** The request body object. */
  readonly body?: Json;
  /** Its responses, but for refusals. */
  readonly answers: readonly Answer[];
  /** The problems that it may respond with. */
  readonly refusals: readonly ProblemCode[];
}

/** One response of an operation. */
export interface Answer {
  /** The HTTP status. */
  readonly status: string;
  /** Its meaning. */
  readonly description: string;
  /** Names of header components. */
  readonly headers?: readonly string[];
  /** Media type objects. */
  readonly content?: Json;
}

/** The content of a response or a request body in JSON. */
export const json = (schema: Json, example?: Json): Json => ({
  "application/json": { schema, ...compact({ example }) },
});

/** A response with one of the schemas by name. */
export const answered = (
  status: number,
  name: string,
  description: string,
  headers: string[] = [],
): Answer => ({
  status: `${status}`,
  description,
  headers,
  content: json(ref(name)),
});

/** A parameter object. */
export const parameter = (
  place: "path" | "query" | "header",
  name: string,
  description: string,
  schema: Json = { type: "string" },
): Json => ({ name, in: place, required: place === "path", description, schema });

/** The id of a task, in the path. */
export const taskId: Json = parameter("path", "id", "tsk_…");
/** The id of a batch, in the path. */
export const batchId: Json = parameter("path", "id", "bat_…");
/** `?wait=`. */
export const wait: Json = parameter(
  "query",
  "wait",
  "A duration, at most 60s: the response comes once it is final, or after that.",
);

/** The parameters of a page. */
export const page: readonly Json[] = [
  parameter("query", "limit", "The size of a page.", {
    type: "integer",
    minimum: 1,
    maximum: 200,
    default: 50,
  }),
  parameter("query", "cursor", "The nextCursor of the previous page."),
];

/** The problems of an operation on one task or batch. */
export const looking: readonly ProblemCode[] = ["not_found", "invalid", "engine_down"];
