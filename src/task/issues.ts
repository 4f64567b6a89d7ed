/**
 * What is wrong with a request, told so that its author can mend it.
 *
 * @module
 */

import { pointerTo } from "../lib/json.ts";

/** One thing that is wrong. */
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

/** What a parser makes of a body: a value it vouches for, or all that is wrong with it. */
export type Parsed<Value> =
  | { readonly value: Value; readonly issues?: undefined }
  | { readonly issues: readonly Issue[] };

/** The most issues that are told at once. */
export const MAX_ISSUES = 50;

/** What is told of a field that no schema knows. */
export const UNKNOWN_FIELD = "Unknown field: remove it, or mend its spelling";

/** What a schema complains of, as zod tells it. */
export interface SchemaIssue {
  /** The kind of complaint. */
  readonly code?: string;
  /** Where. */
  readonly path: readonly PropertyKey[];
  /** The sentence that the schema gives. */
  readonly message: string;
  /** Which fields it does not know. */
  readonly keys?: readonly string[];
}

/** Tells a schema's complaints as issues. */
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
