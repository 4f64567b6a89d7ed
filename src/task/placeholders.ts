/**
 * Placeholders, which are replaced by the value at their path: `{{task.result.status}}`.
 *
 * Nothing is evaluated. Each placeholder is replaced once, encoded for its place:
 * one line in a header, escaped in HTML and XML, percent-encoded in a URL or a
 * form, with its own type where it is the whole of a JSON string. A value is
 * never searched for placeholders.
 *
 * @module
 */

import { oneLine, replaceUnseen } from "../lib/text.ts";
import { escapeHtml } from "../lib/html.ts";
import { endOfString } from "../lib/json.ts";
import { skipSpace } from "../lib/json/exact_json.ts";
import type { Json } from "./task.ts";

/** The values that placeholders name. */
export type EventData = Readonly<Record<string, Json>>;

/** `{{"{"}}` is a brace that does not belong to a placeholder: see `shield`. */
const PLACEHOLDER = /\{\{ {0,100}(?:"(\{)"|((?:task|batch)(?:\.[\w-]{1,100}){1,10})) {0,100}\}\}/g;
/** The URL standard encodes braces and spaces in a path. */
const URL_PLACEHOLDER =
  /(?:\{|%7B){2}(?: |%20){0,100}(?:(?:"|%22)(\{|%7B)(?:"|%22)|((?:task|batch)(?:\.[\w-]{1,100}){1,10}))(?: |%20){0,100}(?:\}|%7D){2}/gi;
/** RFC 5322 §2.1.1: a line has at most 998 bytes; a character takes up to three. */
const LINE_LENGTH = 330;
/** As much of an HTML tag is read to find out whether a placeholder is within a URL. */
const MAX_TAG = 4_096;

/** Whether a text has a placeholder. */
export function hasPlaceholders(text: string): boolean {
  return text.search(PLACEHOLDER) >= 0 || text.search(URL_PLACEHOLDER) >= 0;
}

/** Escapes a text from elsewhere, so that nothing in it is a placeholder. */
export function shield(text: string): string {
  return text.replaceAll("{", '{{"{"}}');
}

/** As `shield`, for a URL: there, encoded braces make a placeholder too. */
export function shieldUrl(text: string): string {
  return shield(text).replace(/%7B/gi, "%7B%7B%22%7B%22%7D%7D");
}

/** As `shield`, for a part of a JSON text: a value, or what is inside a string. */
export function shieldJson(text: string): string {
  const shielded = (part: string) => part.replaceAll("{", '{{\\"{\\"}}');
  return isJson(text) ? replaceStrings(text, "{", shielded) : shielded(text);
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** Replaces the placeholders of a payload, which is JSON text. */
export function fillPayload(payload: string, data: EventData): string {
  if (!payload.includes("{{") && !/%7B%7B/i.test(payload)) return payload;
  return JSON.stringify(fillMember("", JSON.parse(payload) as Json, new Values(data)));
}

/** The most characters that the placeholders of one payload are replaced by. */
const MAX_INSERTED = 2 ** 20;

/**
 * The values of one payload. Those that would exceed the limit are empty, like those that are not
 * there: a short text can name a long value thousands of times.
 */
class Values {
  readonly #data: EventData;
  readonly #texts = new Map<string, string>();
  #left = MAX_INSERTED;

  constructor(data: EventData) {
    this.#data = data;
  }

  /** The value as text. */
  text(path: string): string {
    const known = this.#texts.get(path);
    const text = known ?? textOf(valueAt(path, this.#data));
    if (known === undefined) this.#texts.set(path, text);
    if (text.length > this.#left) return "";
    this.#left -= text.length;
    return text;
  }

  /** The value as JSON has it. */
  json(path: string): Json {
    const value = valueAt(path, this.#data) ?? null;
    if (value === null || typeof value !== "object") {
      return typeof value === "string" ? this.text(path) : value;
    }
    return this.text(path) === "" ? null : value;
  }
}

function fillMember(name: string, value: Json, values: Values): Json {
  if (typeof value === "string") return fillText(name, value, values);
  if (value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map((item) => fillMember(name, item, values));
  const type = typeof value.body === "string" ? contentTypeOf(value.headers) : "";
  return Object.fromEntries(
    Object.entries(value).map(([member, inner]) => {
      const place = name === "headers" ? "headers" : member;
      if (member === "body" && type !== "") {
        return [member, fillBody(type, inner as string, values)];
      }
      return [member, fillMember(place, inner, values)];
    }),
  );
}

function contentTypeOf(headers: Json | undefined): string {
  if (headers === null || typeof headers !== "object" || Array.isArray(headers)) return "";
  return String(headers["content-type"] ?? "");
}

function fillBody(type: string, text: string, values: Values): string {
  if (/[/+]json\b/i.test(type)) return fillJsonText(text, values);
  if (/^application\/x-www-form-urlencoded\b/i.test(type)) {
    return fillEncoded(text, values, encoded);
  }
  return /[/+](?:xml|html)\b/i.test(type)
    ? fillEncoded(text, values, escapeHtml)
    : fillText("", text, values);
}

function fillEncoded(text: string, values: Values, encode: (value: string) => string): string {
  return text.replace(PLACEHOLDER, (_, brace, path) => encode(brace ?? values.text(path)));
}

/** For a part of a URL or a form. */
function encoded(value: string): string {
  return encodeURIComponent(value.toWellFormed());
}

/** Replaces the placeholders of one line: of a URL, or of plain text. */
export function fillLine(kind: "url" | "subject", text: string, data: EventData): string {
  return hasPlaceholders(text) ? fillText(kind, text, new Values(data)) : text;
}

function fillText(place: string, text: string, values: Values): string {
  const filled = (encode: (value: string) => string) =>
    text.replace(PLACEHOLDER, (_, brace, path) => brace ?? encode(values.text(path)));
  switch (place) {
    case "address":
      // Who gets a mail is decided when it is submitted.
      return text;
    case "url":
    case "unsubscribe":
    case "target":
      return text.replace(
        URL_PLACEHOLDER,
        (_, brace, path) => encoded(brace ? "{" : values.text(path)),
      );
    case "html":
      return text.replace(PLACEHOLDER, (_, brace, path, at) => {
        const value = brace ?? values.text(path);
        return escapeHtml(brace ? value : inHtmlUrl(text, at, value));
      });
    case "filename":
      return filled((value) => lineOf(replaceUnseen(value, "_").replace(/[/\\]/g, "_")));
    case "subject":
    case "title":
    case "name":
    case "headers":
      return filled(lineOf);
    default:
      return filled((value) => value);
  }
}

/** The beginning of an attribute with a URL, up to its end. */
const URL_ATTRIBUTE = /\s(?:href|src)\s*=\s*(?:"([^"]*)|'([^']*)|([^\s"']*))$/i;

/** A value within the URL of a link cannot add parameters to it, and as a whole one no script. */
function inHtmlUrl(html: string, at: number, value: string): string {
  const before = html.slice(Math.max(0, at - MAX_TAG), at);
  const tag = before.slice(Math.max(0, before.lastIndexOf("<")));
  const [whole, ...begun] = URL_ATTRIBUTE.exec(tag) ?? [];
  if (whole === undefined) return value;
  const isWhole = begun.every((part = "") => part.trim() === "");
  return isWhole && /^(?:https?|mailto):/i.test(value) ? value : encoded(value);
}

/**
 * Replaces the strings of JSON that contain `part` and are no names. By hand: a pattern for a string
 * fails on one of some million characters.
 */
function replaceStrings(json: string, part: string, make: (literal: string) => string): string {
  let replaced = "";
  let from = 0;
  let found = json.indexOf(part);
  for (let at = json.indexOf('"'); at >= 0 && found >= 0;) {
    const end = endOfString(json, at + 1) + 1;
    if (found < at) found = json.indexOf(part, at);
    if (found >= 0 && found < end && json[skipSpace(json, end)] !== ":") {
      replaced += json.slice(from, at) + make(json.slice(at, end));
      from = end;
    }
    at = json.indexOf('"', end);
  }
  return replaced + json.slice(from);
}

/** In a JSON body a value cannot break out of its string, and the rest stays as written. */
function fillJsonText(text: string, values: Values): string {
  if (!text.includes("{{") || !isJson(text)) return text;
  return replaceStrings(
    text,
    "{{",
    (literal) => JSON.stringify(fillJsonValue(JSON.parse(literal), values)),
  );
}

function fillJsonValue(text: string, values: Values): Json {
  const [whole, , path] = text.matchAll(PLACEHOLDER).next().value ?? [];
  if (whole === text && path !== undefined) return values.json(path);
  return text.replace(PLACEHOLDER, (_, brace, path) => brace ?? values.text(path));
}

function valueAt(path: string, data: EventData): Json | undefined {
  let value: Json | undefined = data as { [name: string]: Json };
  for (const name of path.split(".")) {
    if (value === null || typeof value !== "object" || !Object.hasOwn(value, name)) {
      return undefined;
    }
    value = Array.isArray(value) ? value[Number(name)] : value[name];
  }
  return value;
}

/** What is not there is empty. */
function textOf(value: Json | undefined): string {
  if (value === undefined || value === null) return "";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

function lineOf(value: string): string {
  return oneLine(value).slice(0, LINE_LENGTH).toWellFormed();
}
