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
import type { Json } from "./task.ts";

/** The values that placeholders name. */
export type EventData = Readonly<Record<string, Json>>;

/** `{{"{"}}` is a brace that does not belong to a placeholder: see `shield`. */
const PLACEHOLDER = /\{\{ *(?:"(\{)"|((?:task|batch)(?:\.[\w-]{1,100}){1,10})) *\}\}/g;
/** The URL standard encodes braces and spaces in a path. */
const URL_PLACEHOLDER =
  /(?:\{|%7B){2}(?: |%20)*(?:(?:"|%22)(\{|%7B)(?:"|%22)|((?:task|batch)(?:\.[\w-]{1,100}){1,10}))(?: |%20)*(?:\}|%7D){2}/gi;
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
  if (!isJson(text)) return shielded(text);
  return text.replace(JSON_STRING, (literal, colon) => colon ? literal : shielded(literal));
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
  return JSON.stringify(fillMember("", JSON.parse(payload) as Json, data));
}

function fillMember(name: string, value: Json, data: EventData): Json {
  if (typeof value === "string") return fillText(name, value, data);
  if (value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map((item) => fillMember(name, item, data));
  const type = typeof value.body === "string" ? contentTypeOf(value.headers) : "";
  return Object.fromEntries(
    Object.entries(value).map(([member, inner]) => {
      const place = name === "headers" ? "headers" : member;
      if (member === "body" && type !== "") return [member, fillBody(type, inner as string, data)];
      return [member, fillMember(place, inner, data)];
    }),
  );
}

function contentTypeOf(headers: Json | undefined): string {
  if (headers === null || typeof headers !== "object" || Array.isArray(headers)) return "";
  return String(headers["content-type"] ?? "");
}

function fillBody(type: string, text: string, data: EventData): string {
  if (/[/+]json\b/i.test(type)) return fillJsonText(text, data);
  if (/^application\/x-www-form-urlencoded\b/i.test(type)) return fillEncoded(text, data, encoded);
  return /[/+](?:xml|html)\b/i.test(type)
    ? fillEncoded(text, data, escapeHtml)
    : fillText("", text, data);
}

function fillEncoded(text: string, data: EventData, encode: (value: string) => string): string {
  return text.replace(PLACEHOLDER, (_, brace, path) => encode(brace ?? textAt(path, data)));
}

/** For a part of a URL or a form. */
function encoded(value: string): string {
  return encodeURIComponent(value.toWellFormed());
}

/** Replaces the placeholders of one line: of a URL, or of plain text. */
export function fillLine(kind: "url" | "subject", text: string, data: EventData): string {
  return hasPlaceholders(text) ? fillText(kind, text, data) : text;
}

function fillText(place: string, text: string, data: EventData): string {
  const filled = (encode: (value: string) => string) =>
    text.replace(PLACEHOLDER, (_, brace, path) => brace ?? encode(textAt(path, data)));
  switch (place) {
    case "address":
      // Who gets a mail is decided when it is submitted.
      return text;
    case "url":
    case "unsubscribe":
    case "target":
      return text.replace(
        URL_PLACEHOLDER,
        (_, brace, path) => encoded(brace ? "{" : textAt(path, data)),
      );
    case "html":
      return text.replace(PLACEHOLDER, (_, brace, path, at) => {
        const value = brace ?? textAt(path, data);
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
  const tag = html.slice(Math.max(html.lastIndexOf("<", at), at - MAX_TAG), at);
  const [whole, ...begun] = URL_ATTRIBUTE.exec(tag) ?? [];
  if (whole === undefined) return value;
  const isWhole = begun.every((part = "") => part.trim() === "");
  return isWhole && /^(?:https?|mailto):/i.test(value) ? value : encoded(value);
}

/**
 * A string of JSON, and the colon after it when it is a name. One without an end goes to the end
 * of the text, so that a search takes as long as its text.
 */
const JSON_STRING = /"[^"\\]*(?:\\[^][^"\\]*)*(?:"(\s*:)?|\\?$)/g;

/** In a JSON body a value cannot break out of its string, and the rest stays as written. */
function fillJsonText(text: string, data: EventData): string {
  if (!text.includes("{{") || !isJson(text)) return text;
  return text.replace(JSON_STRING, (literal, colon) => {
    if (colon !== undefined || !literal.includes("{{")) return literal;
    return JSON.stringify(fillJsonValue(JSON.parse(literal), data));
  });
}

function fillJsonValue(text: string, data: EventData): Json {
  const [whole, , path] = [...text.matchAll(PLACEHOLDER)][0] ?? [];
  if (whole === text && path !== undefined) return valueAt(path, data) ?? null;
  return text.replace(PLACEHOLDER, (_, brace, path) => brace ?? textAt(path, data));
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
function textAt(path: string, data: EventData): string {
  const value = valueAt(path, data);
  if (value === undefined || value === null) return "";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

function lineOf(value: string): string {
  return oneLine(value).slice(0, LINE_LENGTH).toWellFormed();
}
