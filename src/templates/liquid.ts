/**
 * Operators' Liquid, bounded: mails and hook mappings.
 *
 * Only operators write these texts; what callers and senders say is data and
 * is never parsed. The bounds below are against slips, not against attackers:
 * they have been got round before.
 *
 * @module
 */

import { escapeHtml } from "../lib/html.ts";
import { Liquid, LiquidError } from "liquidjs";
import type { Json } from "../task/task.ts";

/** What a text can speak of. */
export type Scope = Readonly<Record<string, Json | undefined>>;

/** A text that has been read. */
export interface Template {
  /**
   * Fills it in. Throws a `TemplateError` for a variable that is not there
   * (the filter `default` and a plain `if` may ask for one) and for what takes too long.
   */
  render(scope: Scope): string;
}

/** A condition that has been read. */
export interface Condition {
  /** Whether it holds; what is not there is false. Throws a `TemplateError`. */
  holds(scope: Scope): boolean;
}

/** A text that cannot be read, or not be filled in. */
export class TemplateError extends Error {
  /** `TemplateError`. */
  override name = "TemplateError";
  /** From 1, within the text. */
  readonly line: number;
  /** From 1. */
  readonly column: number;

  /** `message` tells what is wrong, without the place. */
  constructor(message: string, line: number, column: number) {
    super(message);
    this.line = line;
    this.column = column;
  }
}

/** How a template is read. */
export interface TemplateOptions {
  /** `html`: what is filled in is escaped, unless the filter `raw` says otherwise. */
  readonly escape?: "html";
  /** Has the last word on all that is filled in; the filter `raw` does not get round it. */
  readonly finish?: (text: string) => string;
}

const MAX_LETTERS = 256 * 1024;
const RENDER_MS = 500;
/** Counted by the library, in letters and items that a render makes. */
const MAX_MADE = 8_000_000;

const bounds = {
  strictFilters: true,
  ownPropertyOnly: true,
  /** A text stands alone: no file is ever looked for. */
  templates: {},
  relativeReference: false,
  parseLimit: MAX_LETTERS,
  renderLimit: RENDER_MS,
  memoryLimit: MAX_MADE,
  /** Of payloads that say no zone; the machine's own would differ from place to place. */
  timezoneOffset: 0,
};

/** Reads a text. Throws a `TemplateError`. */
export function parseTemplate(text: string, { escape, finish }: TemplateOptions = {}): Template {
  const engine = new Liquid({
    ...bounds,
    strictVariables: true,
    lenientIf: true,
    ...(finish
      ? {
        outputEscape: (value: unknown) =>
          finish(escape ? escapeHtml(textOf(value)) : textOf(value)),
      }
      : escape
      ? { outputEscape: "escape" as const }
      : {}),
  });
  if (finish) engine.registerFilter("raw", (value: unknown) => value);
  const parsed = within(() => engine.parse(text));
  return { render: (scope) => within(() => String(engine.renderSync(parsed, scope))) };
}

/** Reads a condition such as `event == "push" and payload.ref contains "main"`. Throws a `TemplateError`. */
export function parseCondition(text: string): Condition {
  if (text.trim() === "" || /[{}]/.test(text)) {
    throw new TemplateError("expected a condition without braces", 1, 1);
  }
  const engine = new Liquid({ ...bounds, strictVariables: false });
  const parsed = within(() => engine.parse(`{% if ${text} %}1{% endif %}`));
  return { holds: (scope) => within(() => engine.renderSync(parsed, scope)) === "1" };
}

function textOf(value: unknown): string {
  if (value === undefined || value === null) return "";
  return Array.isArray(value) ? value.map(textOf).join("") : String(value);
}

function within<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    throw templateError(error);
  }
}

function templateError(error: Error): TemplateError {
  const token = LiquidError.is(error) && "token" in error
    ? error.token as { getPosition?: () => number[] }
    : undefined;
  const [line = 1, column = 1] = token?.getPosition?.() ?? [];
  return new TemplateError(
    error.message.replace(/(?:, file:.*)?, line:\d+, col:\d+$/s, ""),
    line,
    column,
  );
}
