/**
 * Liquid with limits, for mail templates and hook mappings.
 *
 * Only operators write these texts; input of callers and senders is data and never
 * parsed. The limits protect against mistakes, not against attackers: liquidjs'
 * limits have been bypassed before.
 *
 * @module
 */

import { compact } from "../lib/compact.ts";
import { escapeHtml } from "../lib/html.ts";
import { Context, Liquid, LiquidError } from "liquidjs";
import type { Json } from "../task/task.ts";

/** The variables that a text can use, by name. */
export type Scope = Readonly<Record<string, Json | undefined>>;

/** A parsed text. */
export interface Template {
  /**
   * Renders it; the variables in `first` hide those of the same name in `scope`. Throws a
   * `TemplateError` for a variable that does not exist (the filter `default` and a plain `if`
   * allow one), and when it takes too long.
   */
  render(scope: Scope, first?: Scope): string;
}

/** A parsed condition. */
export interface Condition {
  /** Whether it is true; a variable that does not exist is false. Throws a `TemplateError`. */
  holds(scope: Scope): boolean;
}

/** A text cannot be parsed or rendered. */
export class TemplateError extends Error {
  /** `TemplateError`. */
  override name = "TemplateError";
  /** The line in the text, from 1. */
  readonly line: number;
  /** The column, from 1. */
  readonly column: number;

  /** `message` says what is wrong, without the place. */
  constructor(message: string, line: number, column: number) {
    super(message);
    this.line = line;
    this.column = column;
  }
}

/** How a template is parsed. */
export interface TemplateOptions {
  /** The place of the text: each value is encoded for it, unless the filter `raw` is applied. */
  readonly escape?: Escape;
  /** Applied last to each value, also after the filter `raw`. */
  readonly finish?: (text: string) => string;
}

/** What a value is encoded for: HTML, a part of a URL or a form, or a text in JSON. */
export type Escape = "html" | "url" | "json";

const ENCODERS: Readonly<Record<Escape, (text: string) => string>> = {
  html: escapeHtml,
  url: (text) => encodeURIComponent(text.toWellFormed()),
  json: (text) => JSON.stringify(text).slice(1, -1),
};

/** The filters whose result needs no further encoding. */
const ENCODING_FILTERS: Readonly<Record<Escape, readonly string[]>> = {
  html: [],
  url: ["url_encode", "cgi_escape", "uri_escape"],
  json: ["json", "jsonify"],
};

/** A value that is already encoded for its place. */
class Encoded {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  toString(): string {
    return this.#text;
  }
}

const MAX_CHARACTERS = 256 * 1024;
/**
 * The parts of a template that one render may output or run; a part in a loop
 * counts each time. The limit is a count and not a time, so that the same
 * template and data always give the same result. 50,000 parts take about 50 ms.
 */
const MAX_STEPS = 50_000;
/** For what the steps do not count, such as the sorting of a long list. */
const RENDER_MS = 1_000;
/** In characters and items that a render makes, as the library counts them. */
const MAX_OUTPUT = 2_000_000;

const bounds = {
  strictFilters: true,
  ownPropertyOnly: true,
  /** A text cannot include others: no file is ever read. */
  templates: {},
  relativeReference: false,
  parseLimit: MAX_CHARACTERS,
  renderLimit: RENDER_MS,
  memoryLimit: MAX_OUTPUT,
  /** For dates without a zone: UTC on every machine. */
  timezoneOffset: 0,
};

/** Parses a text. Throws a `TemplateError`. */
export function parseTemplate(text: string, { escape, finish }: TemplateOptions = {}): Template {
  const engine = new Liquid({
    ...bounds,
    strictVariables: true,
    lenientIf: true,
    ...compact({ outputEscape: escapeOf(escape, finish) }),
  });
  if (finish || (escape && escape !== "html")) {
    const asEncoded = (name: string) => {
      const { [name]: filter } = engine.filters;
      const apply = typeof filter === "function" ? filter : filter?.handler;
      engine.registerFilter(name, function (...values) {
        return new Encoded(textOf(apply?.apply(this, values)));
      });
    };
    for (const name of ["raw", ...escape ? ENCODING_FILTERS[escape] : []]) asEncoded(name);
  }
  const parsed = within(() => engine.parse(text));
  return {
    render: (scope, first) =>
      within(() => {
        const context = bounded(engine, scope);
        Object.assign(context.bottom(), first);
        return String(engine.renderSync(parsed, context));
      }),
  };
}

/** The library checks its limit of time at each step, so that the steps can be counted there. */
function bounded(engine: Liquid, scope: Scope): Context {
  const context = new Context(scope, engine.options, { sync: true }, { liquid: engine });
  const { renderLimit } = context;
  const checkTime = renderLimit.check.bind(renderLimit);
  let steps = 0;
  renderLimit.check = (now) => {
    if (++steps > MAX_STEPS) {
      throw new RangeError(`render limit exceeded: more than ${MAX_STEPS} steps`);
    }
    checkTime(now);
  };
  return context;
}

function escapeOf(escape: Escape | undefined, finish: TemplateOptions["finish"]) {
  // Mail templates keep the library's own spelling of escaped characters.
  if (!finish && escape === "html") return "escape" as const;
  if (!finish && !escape) return undefined;
  const encode = escape ? ENCODERS[escape] : String;
  return (value: unknown) => {
    const text = value instanceof Encoded ? String(value) : encode(textOf(value));
    return finish ? finish(text) : text;
  };
}

/** An expression such as `payload.count | plus: 1`. */
export interface Expression {
  /** Its value, with its own type. Throws a `TemplateError` like `Template.render`. */
  value(scope: Scope): Json;
}

/**
 * Parses a text that is one output and nothing else, such as `{{ payload.count }}`;
 * `undefined` for any other text. Throws a `TemplateError`.
 */
export function parseExpression(text: string): Expression | undefined {
  const [, inner] = /^\s*\{\{-?((?:(?!\{\{|\}\}|\{%).)*?)-?\}\}\s*$/s.exec(text) ?? [];
  if (inner === undefined) return undefined;
  const engine = new Liquid({ ...bounds, strictVariables: true, lenientIf: true });
  within(() => engine.parse(text));
  return { value: (scope) => within(() => engine.evalValueSync(inner, scope) as Json) ?? null };
}

/** Parses a condition such as `event == "push" and payload.ref contains "main"`. Throws a `TemplateError`. */
export function parseCondition(text: string): Condition {
  if (text.trim() === "" || /[{}]/.test(text)) {
    throw new TemplateError("expected a condition without braces", 1, 1);
  }
  const engine = new Liquid({ ...bounds, strictVariables: false });
  const parsed = within(() => engine.parse(`{% if ${text} %}1{% endif %}`));
  return {
    holds: (scope) => within(() => engine.renderSync(parsed, bounded(engine, scope))) === "1",
  };
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
