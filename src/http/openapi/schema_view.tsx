/**
 * JSON schemas as people read them: a type in words, and a table of the fields.
 *
 * @module
 */

import type { Child } from "hono/jsx";
import type { Json } from "../../task/task.ts";

/** The members of a schema that are shown. */
export interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly format?: string;
  readonly description?: string;
  readonly const?: Json;
  readonly enum?: readonly Json[];
  readonly default?: Json;
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly items?: Schema;
  readonly oneOf?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema | boolean>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: Schema | boolean;
  readonly examples?: readonly Json[];
}

/** The anchor of a schema by its name. */
export function schemaAnchor(name: string): string {
  return `schema-${name}`;
}

/** The type of a schema in words; schemas with a name are links. */
export function TypeText({ schema }: { schema: Schema }): Child {
  if (schema.$ref !== undefined) {
    const name = schema.$ref.split("/").at(-1) ?? "";
    return <a href={`#${schemaAnchor(name)}`}>{name}</a>;
  }
  const some = schema.oneOf ?? schema.anyOf?.filter((one) => one.required === undefined);
  if (some && some.length > 0) {
    return <>{joined(some.map((one) => <TypeText schema={one} />), " or ")}</>;
  }
  if (schema.allOf) {
    return <>{joined(schema.allOf.map((one) => <TypeText schema={one} />), " and ")}</>;
  }
  if (schema.const !== undefined) return <code>{JSON.stringify(schema.const)}</code>;
  if (schema.enum) {
    return <>{joined(schema.enum.map((value) => <code>{JSON.stringify(value)}</code>), " or ")}</>;
  }
  if (schema.items) {
    return (
      <>
        list of <TypeText schema={schema.items} />
      </>
    );
  }
  const { type = "any JSON", format } = schema;
  const values = schema.additionalProperties;
  if (type === "object" && !schema.properties && typeof values === "object") {
    return (
      <>
        object of <TypeText schema={values} />
      </>
    );
  }
  const names = typeof type === "string" ? type : type.join(" or ");
  return <>{format === "date-time" ? "time (RFC 3339)" : names}</>;
}

function joined(parts: readonly Child[], between: string): Child[] {
  return parts.flatMap((part, index) => index === 0 ? [part] : [between, part]);
}

/** What a value has to fulfil beyond its type. */
function limitsOf(schema: Schema): string {
  const { minimum, maximum, minLength, maxLength, minItems, maxItems, pattern } = schema;
  const range = (low: number | undefined, high: number | undefined, what: string) =>
    low === undefined && high === undefined
      ? []
      : high === undefined
      ? low === 0 ? [] : [`at least ${low}${what}`]
      : [`${low ?? 0} to ${high}${what}`];
  return [
    ...range(minimum, maximum, ""),
    ...range(minLength, maxLength, " characters"),
    ...range(minItems, maxItems, " entries"),
    ...(pattern === undefined || pattern.length > 60 ? [] : [`matches ${pattern}`]),
    ...(schema.default === undefined ? [] : [`default ${JSON.stringify(schema.default)}`]),
  ].join(", ");
}

/** Nested objects that are shown in place. */
const MAX_DEPTH = 4;

/** The fields of an object, those of nested objects below them. */
export function Fields({ schema, depth = 0 }: { schema: Schema; depth?: number }): Child {
  const properties = Object.entries(schema.properties ?? {})
    .filter((entry): entry is [string, Schema] => typeof entry[1] === "object");
  const parts = (schema.oneOf ?? schema.allOf ?? []).filter((one) => one.properties);
  if (properties.length === 0 && parts.length === 0) return null;
  return (
    <>
      {properties.length === 0 ? null : (
        <dl class="fields">
          {properties.map(([name, field]) => (
            <>
              <dt>
                <code>{name}</code>{" "}
                <span class="unit">
                  <TypeText schema={field} />
                  {schema.required?.includes(name) ? <b class="required">required</b> : null}
                </span>
              </dt>
              <dd>
                {field.description} <span class="unit">{limitsOf(field)}</span>
                {depth < MAX_DEPTH ? <Fields schema={nestedOf(field)} depth={depth + 1} /> : null}
              </dd>
            </>
          ))}
        </dl>
      )}
      {parts.map((part) => (
        <>
          {part.description === undefined ? null : <p>{part.description}</p>}
          <Fields schema={part} depth={depth} />
        </>
      ))}
    </>
  );
}

/** The schema whose fields are shown below a field: that of a list's entries for a list. */
function nestedOf(schema: Schema): Schema {
  return schema.items ?? schema;
}
