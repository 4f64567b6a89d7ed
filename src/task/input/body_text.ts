/**
 * Parses the text of a request body, wherever it is kept.
 *
 * @module
 */

import { keepMembersAsText, parseExact } from "../../lib/exact_json.ts";

/** Members of a body in which HTTP requests are described, whose `json` is sent as it is written. */
const REQUEST_CONTAINERS: ReadonlySet<string> = new Set([
  "requests",
  "notifications",
  "onSuccess",
  "onFailure",
  "onComplete",
  "fetch",
  "notify",
]);

/** Parses JSON without loss; the member `json` of each request keeps its text. */
export function parseBodyText(text: string): unknown {
  const value = parseExact(text);
  keepMembersAsText(text, value, "json", REQUEST_CONTAINERS);
  return value;
}
