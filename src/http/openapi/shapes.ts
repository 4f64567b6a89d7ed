/**
 * The building blocks of the document's schemas.
 *
 * @module
 */

import { compact } from "../../lib/compact.ts";
import type { Json } from "../../task/task.ts";

/** Schemas by name. */
export type Schemas = Record<string, Json>;

/**
 * The properties of a response: all that its type names, those with a `?` optional.
 * The compiler names each one that is missing or too many.
 */
export type Described<Response> = {
  [
    Name in keyof Response & string as undefined extends Response[Name] ? `${Name}?` : Name
  ]-?: Json;
};

/** A reference to one of the schemas by name. */
export function ref(name: string): Schemas {
  return { $ref: `#/components/schemas/${name}` };
}

/** An object with these properties and no others; a name with a `?` is optional. */
export function shape<Response = Schemas>(
  properties: Described<Response>,
  description?: string,
): Schemas {
  const names = Object.keys(properties);
  const schemas = properties as Schemas;
  return {
    type: "object",
    ...compact({ description }),
    properties: Object.fromEntries(
      names.map((name) => [name.replace("?", ""), schemas[name] as Json]),
    ),
    required: names.filter((name) => !name.endsWith("?")),
    additionalProperties: false,
  };
}

/** An object of any properties. */
export const open = (description: string): Schemas => ({
  type: "object",
  description,
  additionalProperties: true,
});

/** A text. */
export const text = (description: string): Schemas => ({ type: "string", description });

/** A boolean. */
export const flag = (description: string): Schemas => ({ type: "boolean", description });

/** A whole number, not negative. */
export const count = (description: string): Schemas => ({
  type: "integer",
  minimum: 0,
  description,
});

/** A number, not negative. */
export const number = (description: string): Schemas => ({
  type: "number",
  minimum: 0,
  description,
});

/** An RFC 3339 time. */
export const time = (description: string): Schemas => ({
  type: "string",
  format: "date-time",
  description,
});

/** One of these texts. */
export const choice = (values: readonly string[], description: string): Schemas => ({
  type: "string",
  enum: [...values],
  description,
});

/** A list of these. */
export const list = (items: Json): Schemas => ({ type: "array", items });

/** Any JSON. */
export const anything = (description: string): Schemas => ({ description });

/** Of each group of fields, at most one may be given. */
export function atMostOne(groups: readonly (readonly string[])[]): Schemas {
  const refused: Record<string, Record<string, boolean>> = {};
  for (const group of groups) {
    for (const [index, name] of group.entries()) {
      for (const other of group.slice(index + 1)) {
        refused[name] = { ...refused[name], [other]: false };
      }
    }
  }
  return {
    dependentSchemas: Object.fromEntries(
      Object.entries(refused).map((
        [name, properties],
      ) => [name, { properties, additionalProperties: true }]),
    ),
  };
}

/** At least one of these fields has to be given. */
export function atLeastOne(names: readonly string[]): Schemas {
  return { anyOf: names.map((name) => ({ required: [name] })) };
}
