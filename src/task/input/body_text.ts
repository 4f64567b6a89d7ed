/**
 * Parses the text of a request body, wherever it is kept.
 *
 * @module
 */

import { ExactJson, keepMembersAsText, parseExact } from "../../lib/json/exact_json.ts";
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

/**
 * The same in steps, for a large object: of a list each item is parsed on its
 * own. Throws a `PartTooLarge` too.
 */
export function bodyTextSteps(text: string, limits: PartLimits): Steps<unknown> {
  return parseInParts(text, { ...limits, whole: "json" }, (part, member) => {
    const value = parseExact(part);
    if (member === "json") return new ExactJson(part.trimEnd());
    if (REQUEST_CONTAINERS.has(member)) keepMembersAsText(part, value, "json", REQUEST_CONTAINERS);
    return value;
  });
}
