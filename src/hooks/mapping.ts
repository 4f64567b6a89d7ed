/**
 * Maps a payload to the body of a submit. The operator's Liquid templates are parsed
 * once and rendered for each delivery.
 *
 * In a follow-up (`onSuccess` …), `{{task.…}}` stays a placeholder until the task
 * ends. Values filled in earlier are shielded, so that a sender cannot write such a
 * placeholder.
 *
 * @module
 */

import { shield } from "../task/placeholders.ts";
import type { Issue } from "../task/issues.ts";
import { pointerTo } from "../lib/json.ts";
import type { Json } from "../task/task.ts";
import { parseTemplate, type Scope, TemplateError } from "../templates/liquid.ts";

/** The body of a submit with templates in its texts. */
export interface Mapping {
  /** Renders the body for one delivery. Throws a `MappingError`. */
  fill(scope: Scope): Json;
}

/** A text could not be rendered. */
export class MappingError extends Error {
  /** `MappingError`. */
  override name = "MappingError";
  /** RFC 6901 pointer into the mapping. */
  readonly pointer: string;

  /** `detail` says what is wrong at `pointer`. */
  constructor(pointer: string, detail: string) {
    super(detail);
    this.pointer = pointer;
  }
}

const FOLLOWING = new Set(["onSuccess", "onFailure", "onComplete"]);
const LATER = /\{\{-?\s*(?:task|batch)\.[^{}]*\}\}/g;

type Filler = (scope: Scope) => Json;

/** Parses a mapping found at `at`; texts that cannot be parsed are added to `faults`. */
export function parseMapping(
  value: Json,
  at: readonly (string | number)[],
  issues: Issue[],
): Mapping {
  const fill = fillerOf(value, at, false, issues);
  return { fill };
}

function fillerOf(
  value: Json,
  at: readonly (string | number)[],
  follows: boolean,
  issues: Issue[],
): Filler {
  if (typeof value === "string") return textFiller(value, at, follows, issues);
  if (value === null || typeof value !== "object") return () => value;
  if (Array.isArray(value)) {
    const items = value.map((item, index) => fillerOf(item, [...at, index], follows, issues));
    return (scope) => items.map((fill) => fill(scope));
  }
  const members = Object.entries(value).map(([name, inner]) =>
    [name, fillerOf(inner, [...at, name], follows || FOLLOWING.has(name), issues)] as const
  );
  return (scope) => Object.fromEntries(members.map(([name, fill]) => [name, fill(scope)]));
}

function textFiller(
  text: string,
  at: readonly (string | number)[],
  follows: boolean,
  issues: Issue[],
): Filler {
  if (!/\{\{|\{%/.test(text)) return () => text;
  const pointer = pointerTo(at);
  const isHtml = at.at(-1) === "html";
  try {
    const template = parseTemplate(
      follows ? text.replace(LATER, (mark) => `{% raw %}${mark}{% endraw %}`) : text,
      {
        ...(isHtml ? { escape: "html" as const } : {}),
        ...(follows ? { finish: shield } : {}),
      },
    );
    return (scope) => {
      try {
        return template.render(scope);
      } catch (error) {
        if (!(error instanceof TemplateError)) throw error;
        throw new MappingError(pointer, describe(error));
      }
    };
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    issues.push({ pointer, detail: `Expected Liquid: ${describe(error)}` });
    return () => text;
  }
}

function describe({ message, line, column }: TemplateError): string {
  return `${message} (line ${line}, column ${column} of the text)`;
}
