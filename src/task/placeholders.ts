/**
 * Values filled in by path: `{{task.result.status}}`.
 *
 * Nothing is run. A mark is replaced once by what stands at its path, in the
 * way its place asks for: one line in a header, escaped in HTML, encoded in a
 * URL, as its own type where it is the whole of a JSON text. What is filled in
 * is never looked at again.
 *
 * @module
 */

import { oneLine } from "../lib/text.ts";
import { escapeHtml } from "../lib/html.ts";
import type { Json } from "./task.ts";

/** What marks can speak of. */
export type EventData = Readonly<Record<string, Json>>;

/** `{{"{"}}` stands for a brace that is no mark's: see `shield`. */
const MARK = /\{\{ *(?:"(\{)"|((?:task|batch)(?:\.[\w-]{1,100}){1,10})) *\}\}/g;
/** The URL standard encodes braces and spaces in a path. */
const URL_MARK =
  /(?:\{|%7B){2}(?: |%20)*(?:(?:"|%22)(\{|%7B)(?:"|%22)|((?:task|batch)(?:\.[\w-]{1,100}){1,10}))(?: |%20)*(?:\}|%7D){2}/gi;
/** RFC 5322 §2.1.1: a line is at most 998 bytes, of which a letter takes up to three. */
const LINE_LETTERS = 330;

/** Whether a text holds a mark. */
export function hasPlaceholders(text: string): boolean {
  return text.search(MARK) >= 0 || text.search(URL_MARK) >= 0;
}

/** Makes a text hold no mark, so that what others wrote stays what they wrote. */
export function shield(text: string): string {
  return text.replaceAll("{", '{{"{"}}');
}

/** Fills the marks of a payload, which is JSON text. */
export function fillPayload(payload: string, facts: EventData): string {
  if (!payload.includes("{{") && !/%7B%7B/i.test(payload)) return payload;
  return JSON.stringify(fillMember("", JSON.parse(payload) as Json, facts));
}

/** Fills the placeholders of a label: one line. */
export function fillLabel(label: string, facts: EventData): string {
  return label.includes("{{") ? fillText("title", label, facts) : label;
}

function fillMember(name: string, value: Json, facts: EventData): Json {
  if (typeof value === "string") return fillText(name, value, facts);
  if (value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map((item) => fillMember(name, item, facts));
  const isJson = typeof value.body === "string" && isJsonBody(value.headers);
  return Object.fromEntries(
    Object.entries(value).map(([member, inner]) => {
      const place = name === "headers" ? "headers" : member;
      if (member === "body" && isJson) return [member, fillJsonText(inner as string, facts)];
      return [member, fillMember(place, inner, facts)];
    }),
  );
}

function isJsonBody(headers: Json | undefined): boolean {
  if (headers === null || typeof headers !== "object" || Array.isArray(headers)) return false;
  return /[/+]json\b/i.test(String(headers["content-type"] ?? ""));
}

function fillText(place: string, text: string, facts: EventData): string {
  const filled = (escape: (value: string) => string) =>
    text.replace(MARK, (_, brace, path) => brace ?? escape(textAt(path, facts)));
  switch (place) {
    case "url":
      return text.replace(
        URL_MARK,
        (_, brace, path) => encodeURIComponent(brace ? "{" : textAt(path, facts)),
      );
    case "html":
      return filled(escapeHtml);
    case "subject":
    case "title":
    case "headers":
      return filled(lineOf);
    default:
      return filled((value) => value);
  }
}

/** A string of JSON, and the colon after it when it is a name. */
const JSON_STRING = /"[^"\\]*(?:\\.[^"\\]*)*"(\s*:)?/g;

/** A body of JSON is filled as JSON: a value cannot break out of its text, and the rest stays as written. */
function fillJsonText(text: string, facts: EventData): string {
  if (!text.includes("{{")) return text;
  try {
    JSON.parse(text);
  } catch {
    return text;
  }
  return text.replace(JSON_STRING, (literal, colon) => {
    if (colon !== undefined || !literal.includes("{{")) return literal;
    return JSON.stringify(fillJsonValue(JSON.parse(literal), facts));
  });
}

function fillJsonValue(text: string, facts: EventData): Json {
  const [mark, , path] = [...text.matchAll(MARK)][0] ?? [];
  if (mark === text && path !== undefined) return valueAt(path, facts) ?? null;
  return text.replace(MARK, (_, brace, path) => brace ?? textAt(path, facts));
}

function valueAt(path: string, facts: EventData): Json | undefined {
  let value: Json | undefined = facts as { [name: string]: Json };
  for (const name of path.split(".")) {
    if (value === null || typeof value !== "object" || !Object.hasOwn(value, name)) {
      return undefined;
    }
    value = Array.isArray(value) ? value[Number(name)] : value[name];
  }
  return value;
}

/** What is not there is empty. */
function textAt(path: string, facts: EventData): string {
  const value = valueAt(path, facts);
  if (value === undefined || value === null) return "";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

function lineOf(value: string): string {
  return oneLine(value).slice(0, LINE_LETTERS).toWellFormed();
}
