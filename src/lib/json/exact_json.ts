/**
 * JSON without loss: numbers that a double cannot hold, and values that are
 * passed on exactly as their author wrote them.
 *
 * @module
 */

import { endOfString, type Json } from "../json.ts";

/** The part of ECMAScript's JSON that TypeScript does not know yet (JSON.parse source text access). */
interface SourceJson {
  parse(
    text: string,
    reviver: (name: string, value: unknown, context: { readonly source?: string }) => unknown,
  ): Json;
  rawJSON(text: string): unknown;
  isRawJSON(value: unknown): boolean;
}

const SOURCE_JSON = JSON as unknown as SourceJson;

/**
 * Only a number with an exponent or with many digits can lose something in a double. A string
 * seldom looks like one: after its quote comes no number.
 */
const MAY_LOSE = /(?:^|[\s:,[])-?(?:\d[\d.]*[eE]|[\d.]{16})/;
/** The pattern is quicker for shorter texts only. */
const SHORT = 4_096;

/** A number of JSON. */
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

/**
 * Puts each number that a double cannot hold in quotation marks, in one pass: a reviver would
 * be called for every value, which takes fifty times as long as the parsing.
 */
function quoteInexact(text: string): string {
  if (text.length <= SHORT && !MAY_LOSE.test(text)) return text;
  let quoted = "";
  let from = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 0x22) at = endOfString(text, at + 1);
    if (!isDigit(code)) continue;
    const first = at;
    let hasExponent = false;
    for (; isInNumber(text.charCodeAt(at + 1)); at++) {
      hasExponent ||= !isDigit(text.charCodeAt(at + 1)) && text[at + 1] !== ".";
    }
    if (!hasExponent && at - first < MAX_SAFE_DIGITS) continue;
    const begin = text[first - 1] === "-" ? first - 1 : first;
    const source = text.slice(begin, at + 1);
    const value = Number(source);
    if (source.length <= MAX_SAFE_DIGITS && Math.abs(value) > 1e-300 && Math.abs(value) < 1e300) {
      continue;
    }
    // What is no JSON stays as it is, to be refused.
    if (!NUMBER.test(source) || isExact(source, value)) continue;
    if (text[skipSpace(text, at + 1)] === ":") continue;
    quoted += `${text.slice(from, begin)}"${source}"`;
    from = at + 1;
  }
  return from === 0 ? text : quoted + text.slice(from);
}

/** A double holds every number of so many digits that is neither huge nor tiny. */
const MAX_SAFE_DIGITS = 15;

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

/** Whether a number goes on with this character: a digit, a point, a sign or an `e`. */
function isInNumber(code: number): boolean {
  return isDigit(code) || code === 0x2e || code === 0x65 || code === 0x45 || code === 0x2b ||
    code === 0x2d;
}

/**
 * Parses JSON. A number that a double cannot hold exactly, such as 12345678901234567891 or
 * 1e400, becomes a string with its digits as they are written.
 */
export function parseExact(text: string): Json {
  return JSON.parse(quoteInexact(text));
}

/**
 * A number that a double cannot hold. As text and in JSON it is as it was written; in
 * arithmetic it is the nearest double.
 */
export class ExactNumber {
  readonly #source: string;

  /** `source` is a JSON number. */
  constructor(source: string) {
    this.#source = source;
  }

  /** As it was written. */
  toString(): string {
    return this.#source;
  }

  /** The nearest double. */
  valueOf(): number {
    return Number(this.#source);
  }

  /** For `JSON.stringify`. */
  toJSON(): unknown {
    return SOURCE_JSON.rawJSON(this.#source);
  }
}

/**
 * Parses JSON. A number that a double cannot hold exactly becomes an `ExactNumber`, which the
 * type does not say.
 */
export function parseWithNumbers(text: string): Json {
  if (quoteInexact(text) === text) return JSON.parse(text);
  return SOURCE_JSON.parse(text, (_, value, { source = "" }) => {
    return typeof value === "number" && !isExact(source, value) ? new ExactNumber(source) : value;
  });
}

/** Parses JSON for writing it again: each number is written as it was. */
export function parseKeepingNumbers(text: string): Json {
  return SOURCE_JSON.parse(text, (_, value, { source = "" }) => {
    return typeof value === "number" && String(value) !== source
      ? SOURCE_JSON.rawJSON(source)
      : value;
  });
}

/** Whether a value of `parseKeepingNumbers` is such a number, and no object. */
export function isKeptNumber(value: unknown): boolean {
  return SOURCE_JSON.isRawJSON(value);
}

function isExact(source: string, value: number): boolean {
  const text = String(value);
  return text === source || (Number.isFinite(value) && decimalOf(source) === decimalOf(text));
}

/** A decimal number in one spelling, whatever its exponent and its zeros. */
function decimalOf(text: string): string {
  const [, sign = "", whole = "", fraction = "", exponent = "0"] =
    /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]?\d+))?$/i.exec(text) ?? [];
  const digits = (whole + fraction).replace(/^0+/, "");
  // Not by a pattern, which would look at a row of zeros once for each of them.
  let length = digits.length;
  while (digits[length - 1] === "0") length--;
  const significant = digits.slice(0, length);
  if (significant === "") return "0";
  const shift = Number(exponent) - fraction.length + digits.length - significant.length;
  return `${sign}${significant}e${shift}`;
}

/** A JSON value as its author wrote it. */
export class ExactJson {
  /** Valid JSON. */
  readonly text: string;

  /** Keeps `text`, which must be valid JSON. */
  constructor(text: string) {
    this.text = text;
  }

  /** The value, when it has to become a part of other JSON. */
  toJSON(): Json {
    return parseKeepingNumbers(this.text);
  }
}

/** Writes JSON in which each `ExactJson` is as its author wrote it. */
export function writeExact(value: unknown): string {
  if (value instanceof ExactJson) return value.text;
  if (Array.isArray(value)) return `[${value.map(writeExact).join(",")}]`;
  if (!isPlainObject(value) || value instanceof ExactNumber) return JSON.stringify(value);
  const members = Object.entries(value).map(([name, inner]) =>
    `${JSON.stringify(name)}:${writeExact(inner)}`
  );
  return `{${members.join(",")}}`;
}

/** A lower-case letter as an escape, which a name may contain. */
const ESCAPED_LETTER = /\\u00[67][\da-f]/i;

/**
 * Replaces each member `name` of a parsed object by its `ExactJson`, also in those objects
 * and lists below it whose names are in `containers`. `text` is what `value` was parsed from.
 */
export function keepMembersAsText(
  text: string,
  value: unknown,
  name: string,
  containers: ReadonlySet<string>,
): void {
  if (!text.includes(`"${name}"`) && !(text.includes("\\") && ESCAPED_LETTER.test(text))) return;
  visit(value, skipSpace(text, 0));

  /** Goes through a value that begins at `from`; returns where it ends. */
  function visit(at: unknown, from: number): number {
    // Of members with the same name, only the last one is in the value.
    if (Array.isArray(at) && text[from] === "[") return visitList(at, from);
    return isPlainObject(at) && text[from] === "{" ? visitObject(at, from) : endOfValue(text, from);
  }

  function visitList(list: readonly unknown[], from: number): number {
    let at = skipSpace(text, from + 1);
    for (let index = 0; text[at] !== "]"; index++) {
      at = skipSpace(text, visit(list[index], at));
      if (text[at] === ",") at = skipSpace(text, at + 1);
    }
    return at + 1;
  }

  function visitObject(object: PlainObject, from: number): number {
    let at = skipSpace(text, from + 1);
    while (text[at] !== "}") {
      const end = endOfString(text, at + 1) + 1;
      const literal = text.slice(at, end);
      const member = literal.includes("\\") ? JSON.parse(literal) : literal.slice(1, -1);
      const begin = skipSpace(text, skipSpace(text, end) + 1);
      if (containers.has(member)) at = visit(object[member], begin);
      else {
        at = endOfValue(text, begin);
        if (member === name && Object.hasOwn(object, name)) {
          object[name] = new ExactJson(text.slice(begin, at));
        }
      }
      at = skipSpace(text, at);
      if (text[at] === ",") at = skipSpace(text, at + 1);
    }
    return at + 1;
  }
}

type PlainObject = Record<string, unknown>;

function isPlainObject(value: unknown): value is PlainObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The index of the first character from `from` on that is not white space. */
export function skipSpace(text: string, from: number): number {
  for (let at = from;; at++) {
    const code = text.charCodeAt(at);
    if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return at;
  }
}

/** Whether a number or a word of JSON goes on with this character. */
function isInWord(code: number): boolean {
  return (code >= 0x61 && code <= 0x7a) || (code >= 0x2d && code <= 0x39) || code === 0x2b ||
    code === 0x45;
}

/** Where the valid JSON value that begins at `from` ends. */
function endOfValue(text: string, from: number): number {
  let depth = 0;
  for (let at = from;; at++) {
    switch (text[at]) {
      case '"':
        at = endOfString(text, at + 1);
        break;
      case "[":
      case "{":
        depth++;
        break;
      case "]":
      case "}":
        depth--;
        break;
      default: {
        // A number or a word.
        while (isInWord(text.charCodeAt(at + 1))) at++;
      }
    }
    if (depth === 0) return at + 1;
  }
}
