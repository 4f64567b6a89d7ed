/**
 * Maps a payload to the body of a submit. The operator's Liquid templates are parsed
 * once and rendered for each delivery.
 *
 * A value is encoded for its place: in HTML, in a URL, in a text of JSON, on one line.
 * A text that is one value and nothing else keeps the value's type where the field
 * takes more than text.
 *
 * In a follow-up (`onSuccess` …), `{{task.…}}` stays a placeholder until the task
 * ends. Values filled in earlier are shielded, so that a sender cannot write such a
 * placeholder.
 *
 * @module
 */

import { ExactNumber } from "../lib/json/exact_json.ts";
import { type Json, pointerTo } from "../lib/json.ts";
import { safeFileName } from "../lib/file_name.ts";
import { isLongerThan, oneLine, wordsOnOneLine } from "../lib/text.ts";
import { isPlainObject } from "../task/input/batch_input.ts";
import { fetchSchema } from "../task/input/fetch.ts";
import { MAX_NAME } from "../task/input/mailbox.ts";
import { LINE_BYTES } from "../task/input/mail_parts.ts";
import { notifySchema } from "../task/input/notify.ts";
import type { Issue } from "../task/issues.ts";
import { shield, shieldJson, shieldUrl } from "../task/placeholders.ts";
import type { TaskType } from "../task/task.ts";
import {
  type Escape,
  parseExpression,
  parseTemplate,
  type Scope,
  TemplateError,
} from "../templates/liquid.ts";

/** The body of a submit with templates in its texts. */
export interface Mapping {
  /** Renders the body for one delivery. Throws a `MappingError`. */
  fill(scope: Scope): Json;
  /**
   * The body with stand-ins for all values. `open` receives the pointers of the texts with
   * values, each with the text itself.
   */
  sample(open: Map<string, string>): Json;
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

/** What a mapping creates. */
export interface MappingPlace {
  /** The kind of submit. */
  readonly type: TaskType;
  /** Where the mapping is in its hook. */
  readonly at: readonly (string | number)[];
}

/** Parses a mapping; texts that cannot be parsed are added to `issues`. */
export function parseMapping(value: Json, { type, at }: MappingPlace, issues: Issue[]): Mapping {
  return parseValue(value, { type, at, path: [], follows: false, isJson: false }, issues);
}

/** Where a value is in the body of a submit. */
interface Place {
  /** The submit whose fields the members are, if it is one. */
  readonly type?: TaskType | undefined;
  /** Of the mapping, in the hook. */
  readonly at: readonly (string | number)[];
  /** In the mapping. */
  readonly path: readonly (string | number)[];
  /** It belongs to a follow-up. */
  readonly follows: boolean;
  /** It is JSON of the caller's, of any shape. */
  readonly isJson: boolean;
  /** It is a field of a submit that takes more than text. */
  readonly isTyped?: boolean;
  /** What the field `body` is encoded for. */
  readonly bodyEscape?: Escape | undefined;
}

const FOLLOW_UPS = new Set(["onSuccess", "onFailure", "onComplete"]);
const LISTS = new Set(["notifications", "requests"]);
const JSON_FIELDS = new Set(["json", "data"]);
const URL_FIELDS = new Set(["url", "urls", "callback", "unsubscribe"]);
/** In these fields, a placeholder is also replaced when it is percent-encoded. */
const FILLED_URLS = new Set(["url", "unsubscribe", "to", "fallback"]);
const LINE_FIELDS = new Set(["subject", "title", "key", "tags"]);
const MAILBOX_FIELDS = new Set(["to", "cc", "bcc", "from", "replyTo", "bounce", "fallback"]);
/** `{{ payload.name }} <{{ payload.mail }}>`; the name may be quoted already. */
const NAMED_MAILBOX = /^(?:"([^<>]*)"|([^<>"]*))\s*<([^<>]*)>$/;
/** A placeholder that is filled in at the end of the task. */
const LATER = /\{\{-?\s*(?:task|batch)\.[^{}]*\}\}/g;
const URL_START = /^\s*[a-z][a-z0-9+.-]*:\/\//i;
/** The value at the start of a URL: it is the URL, or its beginning. */
const FIRST_VALUE = /^\s*\{\{(?:(?!\}\}).)*\}\}/s;
/** A value of this many characters always fits into a line: each takes at most three bytes. */
const LINE_CHARACTERS = Math.floor(LINE_BYTES / 3);

function parseValue(value: Json, place: Place, issues: Issue[]): Mapping {
  if (typeof value === "string") return parseText(value, place, issues);
  if (value === null || typeof value !== "object") return constant(value);
  const { type, path } = place;
  if (Array.isArray(value)) {
    const items = value.map((item, index) =>
      parseValue(item, { ...place, isTyped: false, path: [...path, index] }, issues)
    );
    return {
      fill: (scope) => items.map((item) => item.fill(scope)),
      sample: (open) => items.map((item) => item.sample(open)),
    };
  }
  const bodyEscape = type === "fetch" ? bodyEscapeOf(value.headers) : undefined;
  const members = Object.entries(value).map(([name, inner]) =>
    [
      name,
      parseValue(inner, memberOf({ ...place, isTyped: false, bodyEscape }, name), issues),
    ] as const
  );
  return {
    fill: (scope) => Object.fromEntries(members.map(([name, one]) => [name, one.fill(scope)])),
    sample: (open) => Object.fromEntries(members.map(([name, one]) => [name, one.sample(open)])),
  };
}

function constant(value: Json): Mapping {
  return { fill: () => value, sample: () => value };
}

function memberOf({ type, path, ...place }: Place, name: string): Place {
  const inner = { ...place, path: [...path, name] };
  if (place.isJson || JSON_FIELDS.has(name)) return { ...inner, isJson: true };
  if (FOLLOW_UPS.has(name)) return { ...inner, follows: true };
  if (LISTS.has(name)) return { ...inner, type };
  if (type === undefined) {
    return name === "notify" || name === "fetch" ? { ...inner, type: name } : inner;
  }
  return { ...inner, isTyped: takesMoreThanText(type, name) };
}

function takesMoreThanText(type: TaskType, name: string): boolean {
  const { properties } = (type === "notify" ? notifySchema : fetchSchema) as {
    properties: Readonly<Record<string, { type?: string }>>;
  };
  if (name === "concurrency") return true;
  return Object.hasOwn(properties, name) && properties[name]?.type !== "string";
}

function bodyEscapeOf(headers: Json | undefined): Escape | undefined {
  if (!isPlainObject(headers)) return undefined;
  const name = Object.keys(headers).find((one) => one.toLowerCase() === "content-type");
  const type = String(name === undefined ? "" : headers[name]);
  if (/[/+]json\b/i.test(type)) return "json";
  if (/^application\/x-www-form-urlencoded\b/i.test(type)) return "url";
  return /[/+](?:xml|html)\b/i.test(type) ? "html" : undefined;
}

function parseText(text: string, place: Place, issues: Issue[]): Mapping {
  if (!/\{\{|\{%/.test(text)) return constant(text);
  const pointer = pointerTo([...place.at, ...place.path]);
  const sample: Mapping["sample"] = (open) => {
    if (!/\{\{|\{%/.test(text.replace(LATER, ""))) return text;
    open.set(pointerTo(place.path), text);
    return text.replace(/\{%.*?%\}/gs, "")
      .replace(/\{\{.*?\}\}/gs, (mark) => place.follows && mark.search(LATER) === 0 ? mark : "x");
  };
  try {
    const render = rendererOf(text, place);
    const fill: Mapping["fill"] = (scope) => {
      try {
        return render(scope);
      } catch (error) {
        if (!(error instanceof TemplateError)) throw error;
        throw new MappingError(pointer, describe(error));
      }
    };
    return { fill, sample };
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    issues.push({ pointer, detail: `Expected Liquid: ${describe(error)}` });
    return constant(text);
  }
}

function rendererOf(text: string, place: Place): Mapping["fill"] {
  const { follows, isJson, isTyped } = place;
  if ((isJson || isTyped) && text.search(LATER) < 0) {
    const expression = parseExpression(text);
    if (expression) {
      return (scope) => {
        const value = expression.value(scope);
        return follows ? shieldAll(value) : value;
      };
    }
  }
  const name = place.path.findLast((part) => typeof part === "string") ?? "";
  const isUrl = !isJson && (URL_FIELDS.has(name) || URL_START.test(text));
  if (isUrl) {
    const [first = ""] = FIRST_VALUE.exec(text) ?? [];
    const shieldsAs = FILLED_URLS.has(name) ? shieldUrl : shield;
    const [start, rest] = [
      rendererFor(first, follows, undefined, shieldsAs),
      rendererFor(text.slice(first.length), follows, "url", shieldsAs),
    ];
    return (scope) => start(scope) + rest(scope);
  }
  if (!isJson && !follows && name === "filename") {
    const render = rendererFor(text, false, undefined, shield);
    return (scope) => safeFileName(render(scope)) ?? "file";
  }
  const [mailbox, quoted, bare = "", address = ""] = NAMED_MAILBOX.exec(text.trim()) ?? [];
  if (mailbox !== undefined && !isJson && !follows && MAILBOX_FIELDS.has(name)) {
    const renderName = rendererFor(quoted ?? bare, false, undefined, shield);
    const renderAddress = rendererFor(address, false, undefined, shield);
    return (scope) => `${quotedName(renderName(scope))}<${renderAddress(scope)}>`;
  }
  const escape = escapeFor(name, place);
  const render = rendererFor(text, follows, escape, escape === "json" ? shieldJson : shield);
  const isHeader = !isJson && place.path.at(-2) === "headers";
  return !isJson && (isHeader || LINE_FIELDS.has(name)) ? (scope) => asLine(render(scope)) : render;
}

function escapeFor(name: string, { isJson, bodyEscape }: Place): Escape | undefined {
  if (isJson) return undefined;
  return name === "html" ? "html" : name === "body" ? bodyEscape : undefined;
}

function rendererFor(
  text: string,
  follows: boolean,
  escape: Escape | undefined,
  shieldsAs: (text: string) => string,
): (scope: Scope) => string {
  const later = follows ? text.replace(LATER, (mark) => `{% raw %}${mark}{% endraw %}`) : text;
  const template = parseTemplate(later, {
    ...(escape ? { escape } : {}),
    ...(follows ? { finish: shieldsAs } : {}),
  });
  return (scope) => template.render(scope);
}

/** The name of a mailbox, whatever a sender writes: quoted, of characters that can be shown. */
function quotedName(text: string): string {
  const name = wordsOnOneLine(text.toWellFormed());
  const cut = name.slice(0, MAX_NAME).toWellFormed();
  return cut === "" ? "" : `"${cut.replace(/["\\]/g, "\\$&")}" `;
}

/** A subject or a header is one line, whatever a sender writes: white space becomes a blank. */
function asLine(text: string): string {
  const line = oneLine(text).replace(/\s+/g, " ").trim();
  return isLongerThan(line, LINE_BYTES) ? line.slice(0, LINE_CHARACTERS).toWellFormed() : line;
}

function shieldAll(value: Json): Json {
  if (typeof value === "string") return shield(value);
  if (Array.isArray(value)) return value.map(shieldAll);
  if (!isPlainObject(value) || value instanceof ExactNumber) return value;
  // Names are not searched for placeholders.
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [name, shieldAll(inner as Json)]),
  );
}

function describe({ message, line, column }: TemplateError): string {
  return `${message} (line ${line}, column ${column} of the text)`;
}
