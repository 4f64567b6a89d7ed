/**
 * What a route takes and answers, as the OpenAPI document tells it.
 *
 * @module
 */

import { compact } from "../../lib/compact.ts";
import type { Json } from "../../task/task.ts";
import type { ProblemCode } from "../problems.ts";
import type { Route } from "../route.ts";
import { ref } from "./shapes.ts";

/** One operation of the document. */
export interface Operation extends Pick<Route, "method" | "path" | "open"> {
  /** `operationId`. */
  readonly id: string;
  /** The group it is listed in. */
  readonly tag: "Submit" | "Tasks" | "Batches" | "Triggers" | "Service";
  /** A line. */
  readonly summary: string;
  /** More than a line. */
  readonly description?: string;
  /** Parameter objects. */
  readonly parameters?: readonly Json[];
  /** The request body object. */
  readonly body?: Json;
  /** What is answered when it goes well, and what is no problem. */
  readonly answers: readonly Answer[];
  /** What else may be answered. */
  readonly refusals: readonly ProblemCode[];
}

/** One answer of an operation. */
export interface Answer {
  /** HTTP's. */
  readonly status: string;
  /** When it comes. */
  readonly description: string;
  /** Names of header components. */
  readonly headers?: readonly string[];
  /** Media type objects. */
  readonly content?: Json;
}

/** The content of an answer, or of a body, that is JSON. */
export const json = (schema: Json, example?: Json): Json => ({
  "application/json": { schema, ...compact({ example }) },
});

/** An answer with one of the schemas by name. */
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
  "Answer once it is final, or after this duration: 30s; at most 60s.",
);

/** What may be answered instead of one thing. */
export const looking: readonly ProblemCode[] = ["not_found", "invalid", "engine_down"];
