/**
 * The pieces that schemas of answers are made of.
 *
 * @module
 */

import { compact } from "../../lib/compact.ts";
import type { Json } from "../../task/task.ts";

/** The members of a schema, or of an object in it. */
export type Members = Record<string, Json>;

/** A reference to one of the schemas by name. */
export function ref(name: string): { [name: string]: Json } {
  return { $ref: `#/components/schemas/${name}` };
}

/** An object with these members and no others; those named with a `?` may be left out. */
export function shape(
  members: { [name: string]: Json },
  description?: string,
): { [name: string]: Json } {
  const names = Object.keys(members);
  return {
    type: "object",
    ...compact({ description }),
    properties: Object.fromEntries(
      names.map((name) => [name.replace("?", ""), members[name] as Json]),
    ),
    required: names.filter((name) => !name.endsWith("?")),
    additionalProperties: false,
  };
}

/** A text. */
export const text = (description: string): Members => ({ type: "string", description });

/** A whole number, not negative. */
export const count = (description: string): Members => ({
  type: "integer",
  minimum: 0,
  description,
});

/** An RFC 3339 time. */
export const time = (description: string): Members => ({
  type: "string",
  format: "date-time",
  description,
});

/** One of these texts. */
export const oneOf = (values: readonly string[], description: string): Members => ({
  type: "string",
  enum: [...values],
  description,
});

/** A list of these. */
export const list = (items: Json): Members => ({ type: "array", items });

/** Any JSON. */
export const anything = (description: string): Members => ({ description });

/** A number, not negative. */
export const number = (description: string): Members => ({
  type: "number",
  minimum: 0,
  description,
});
