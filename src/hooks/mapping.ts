/**
 * From a payload to tasks: the operator's Liquid, read once and filled in for
 * each delivery.
 *
 * In what follows a task (`onSuccess` …) `{{task.…}}` is left for the end of
 * that task; whatever is filled in now is shielded, so that no sender can
 * write such a mark.
 *
 * @module
 */

import { shield } from "../task/placeholders.ts";
import { type Issue, pointerTo } from "../task/issues.ts";
import type { Json } from "../task/task.ts";
import { parseTemplate, type Scope, TemplateError } from "../templates/liquid.ts";

/** A body of a submit with its texts still to be filled in. */
export interface Mapping {
  /** The body for this delivery. Throws a `MappingError`. */
  fill(scope: Scope): Json;
}

/** A text could not be filled in. */
export class MappingError extends Error {
  /** `MappingError`. */
  override name = "MappingError";
  /** Where in the mapping. */
  readonly pointer: string;

  /** `detail` says what went wrong there. */
  constructor(pointer: string, detail: string) {
    super(detail);
    this.pointer = pointer;
  }
}

const FOLLOWING = new Set(["onSuccess", "onFailure", "onComplete"]);
const LATER = /\{\{-?\s*(?:task|batch)\.[^{}]*\}\}/g;

type Filler = (scope: Scope) => Json;

/** Reads a mapping; a text that cannot be read goes to `faults`, which point from `at`. */
export function parseMapping(
  value: Json,
  at: readonly (string | number)[],
  faults: Issue[],
): Mapping {
  const fill = fillerOf(value, at, false, faults);
  return { fill };
}

function fillerOf(
  value: Json,
  at: readonly (string | number)[],
  follows: boolean,
  faults: Issue[],
): Filler {
  if (typeof value === "string") return textFiller(value, at, follows, faults);
  if (value === null || typeof value !== "object") return () => value;
  if (Array.isArray(value)) {
    const items = value.map((item, index) => fillerOf(item, [...at, index], follows, faults));
    return (scope) => items.map((fill) => fill(scope));
  }
  const members = Object.entries(value).map(([name, inner]) =>
    [name, fillerOf(inner, [...at, name], follows || FOLLOWING.has(name), faults)] as const
  );
  return (scope) => Object.fromEntries(members.map(([name, fill]) => [name, fill(scope)]));
}

function textFiller(
  text: string,
  at: readonly (string | number)[],
  follows: boolean,
  faults: Issue[],
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
        throw new MappingError(pointer, told(error));
      }
    };
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    faults.push({ pointer, detail: `Expected Liquid: ${told(error)}` });
    return () => text;
  }
}

function told({ message, line, column }: TemplateError): string {
  return `${message} (line ${line}, column ${column} of the text)`;
}
