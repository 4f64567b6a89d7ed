/**
 * Parses the text of a request body, wherever it is kept.
 *
 * @module
 */

import { keepMembersAsText, parseExact } from "../../lib/json/exact_json.ts";
import { parseInParts, type PartLimits } from "../../lib/json/json_parts.ts";
import type { Steps } from "../../lib/steps.ts";

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

/** The same in steps, for a large object. Throws a `PartTooLarge` too. */
export function bodyTextSteps(text: string, limits: PartLimits): Steps<unknown> {
  const kept = { name: "json", within: REQUEST_CONTAINERS };
  return parseInParts(text, { ...limits, kept }, (part, keeps) => {
    const value = parseExact(part);
    if (keeps) keepMembersAsText(part, value, kept.name, REQUEST_CONTAINERS);
    return value;
  });
}
