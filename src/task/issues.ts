/**
 * What is wrong with a request, and how to correct it.
 *
 * @module
 */

import { pointerTo } from "../lib/json.ts";

/** One mistake. */
export interface Issue {
  /** RFC 6901 pointer into the body; for a query parameter, `/` and its name. */
  readonly pointer: string;
  /** What is expected there, in a sentence. */
  readonly detail: string;
  /** Set for an address that may not be called. */
  readonly code?: "address_refused";
  /** Set when a limit of the whole submit is reached: nothing after it is checked. */
  readonly isLast?: true;
}

/** The result of a parser: a valid value, or everything that is wrong. */
export type Parsed<Value> =
  | { readonly value: Value; readonly issues?: undefined }
  | { readonly issues: readonly Issue[] };

/** The highest number of issues in a response. */
export const MAX_ISSUES = 50;

/** The issue of an unknown field. */
export const UNKNOWN_FIELD = "Unknown field: remove it, or check its spelling";

/** An issue of a schema, as zod reports it. */
export interface SchemaIssue {
  /** The kind of issue. */
  readonly code?: string;
  /** Where. */
  readonly path: readonly PropertyKey[];
  /** The error of the schema. */
  readonly message: string;
  /** The unknown fields. */
  readonly keys?: readonly string[];
}

/** Converts the issues of a schema. */
export function issuesOf(error: { readonly issues: readonly SchemaIssue[] }): Issue[] {
  return error.issues.flatMap((issue) =>
    issue.keys
      ? issue.keys.map((key) => ({
        pointer: pointerTo([...issue.path, key]),
        detail: UNKNOWN_FIELD,
      }))
      : { pointer: pointerTo(issue.path), detail: issue.message }
  );
}
