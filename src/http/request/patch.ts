/**
 * JSON merge patches (RFC 7396) as bodies of requests.
 *
 * @module
 */

import { isPlainObject, type PlainObject } from "../../lib/json.ts";
import { maskIssues } from "../../task/masked_submit.ts";
import { refuseIssues } from "../problems.ts";

/** Checks a patch: an object in which no secret is masked. Throws a `Refusal`. */
export function checkedPatch(value: unknown): PlainObject {
  if (!isPlainObject(value)) {
    throw refuseIssues([{ pointer: "", detail: "Expected an object with the fields to change" }]);
  }
  const masked = maskIssues(value);
  if (masked.length > 0) throw refuseIssues(masked);
  return value;
}
