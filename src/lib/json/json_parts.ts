/**
 * Parses a large JSON object part by part, so that no single `JSON.parse`
 * blocks the event loop for long.
 *
 * @module
 */

import { ExactJson, skipSpace } from "./exact_json.ts";
import { endOfString } from "../json.ts";
import type { Steps } from "../steps.ts";

/** How a large object is divided. */
export interface PartLimits {
  /** Deepest nesting of arrays and objects in the whole. */
  readonly depth: number;
  /** The most values in the whole: each is kept in memory as an object of its own. */
  readonly values: number;
  /** The most members of the whole. */
  readonly members: number;
  /** The most members of one object in it: to list them is one step. */
  readonly names: number;
  /** A member whose value is kept as its text: an `ExactJson`. */
  readonly kept?: {
    /** Its name. */
    readonly name: string;
    /** The members of the whole, and of one another, in whose objects it is kept too. */
    readonly within: ReadonlySet<string>;
  };
}

/** Longer arrays and objects are divided, in characters: `JSON.parse` of so many takes 4 ms. */
const MAX_PART = 65_536;

/** A part exceeds a limit. */
export class PartTooLarge extends RangeError {
  /** `PartTooLarge`. */
  override name = "PartTooLarge";
  /** Which limit. */
  readonly limit: "depth" | "values" | "members" | "names";

  /** Names the limit that is exceeded. */
  constructor(limit: PartTooLarge["limit"]) {
    super(`Cannot parse JSON: a part exceeds the limit of ${limit}`);
    this.limit = limit;
  }
}

/**
 * Parses a large object. Its parts are its members, of a member that is an array each item, and the
 * members and items of what is longer than `MAX_PART`. `parse` gets the text of each part, and
 * whether its `kept` members are kept. Throws a `SyntaxError` or a `PartTooLarge`.
 */
export function* parseInParts(
  text: string,
  limits: PartLimits,
  parse: (part: string, keeps: boolean) => unknown,
): Steps<unknown> {
  let at = skipSpace(text, 0);
  let left = limits.values;
  const whole = text[at] === "{" ? yield* readObject(1, true) : yield* readValue(0, false);
  at = skipSpace(text, at);
  if (at < text.length) throw syntaxError(at);
  return whole;

  /** Reads a value inside of `outer` arrays and objects. */
  function* readValue(outer: number, keeps: boolean): Steps<unknown> {
    const from = at;
    const { end, values } = endOfPart(text, from, outer, { ...limits, values: left });
    if (end === undefined) {
      left--;
      return text[from] === "{"
        ? yield* readObject(outer + 1, keeps)
        : yield* readList(outer + 1, keeps);
    }
    at = end;
    left -= values;
    const value = parse(text.slice(from, end), keeps);
    yield PART_COST + values * VALUE_COST + (end - from) / SPEED;
    return value;
  }

  function* readObject(level: number, keeps: boolean): Steps<Record<string, unknown>> {
    const { kept } = limits;
    const object: Record<string, unknown> = {};
    if (isEmpty("}")) return object;
    for (let members = 1;; members++) {
      if (text[at] !== '"') throw syntaxError(at);
      const nameEnd = Math.min(endOfString(text, at + 1) + 1, text.length);
      const name = String(JSON.parse(text.slice(at, nameEnd)));
      at = expect(":", skipSpace(text, nameEnd));
      const from = at;
      const isKept = keeps && name === kept?.name;
      const within = keeps && kept?.within.has(name) === true;
      const value = level === 1 && text[at] === "[" && !isKept
        ? yield* readList(level + 1, within)
        : yield* readValue(level, within);
      addTo(object, name, isKept ? new ExactJson(text.slice(from, at).trimEnd()) : value);
      if (level === 1 && members > limits.members) throw new PartTooLarge("members");
      if (members > limits.names) throw new PartTooLarge("names");
      if (isLast("}")) return object;
    }
  }

  function* readList(level: number, keeps: boolean): Steps<unknown[]> {
    const list: unknown[] = [];
    if (isEmpty("]")) return list;
    for (;;) {
      list.push(yield* readValue(level, keeps));
      if (isLast("]")) return list;
    }
  }

  /** Goes into an array or object; past it, when it is empty. */
  function isEmpty(close: string): boolean {
    at = skipSpace(text, at + 1);
    if (text[at] !== close) return false;
    at++;
    return true;
  }

  /** Goes past the comma, or the end, that follows a part. */
  function isLast(close: string): boolean {
    at = skipSpace(text, at);
    const next = text[at];
    if (next !== "," && next !== close) throw syntaxError(at);
    at++;
    if (next === close) return true;
    if (--left < 0) throw new PartTooLarge("values");
    at = skipSpace(text, at);
    return false;
  }

  function expect(letter: string, from: number): number {
    if (text[from] !== letter) throw syntaxError(from);
    return skipSpace(text, from + 1);
  }
}

/** What a part costs, in about microseconds. */
const PART_COST = 3;
/** What each of its values costs in addition. */
const VALUE_COST = 0.5;
/** Characters parsed in a microsecond. */
const SPEED = 100;

/** Adds a member as `JSON.parse` does, whatever its name. */
function addTo(object: Record<string, unknown>, name: string, value: unknown): void {
  if (name !== "__proto__") object[name] = value;
  else {
    const attributes = { writable: true, enumerable: true, configurable: true };
    Object.defineProperty(object, name, { value, ...attributes });
  }
}

function syntaxError(at: number): SyntaxError {
  return new SyntaxError(`Cannot parse JSON: unexpected character at position ${at}`);
}

/**
 * Where the value that begins at `from` ends, if it is valid, and how many values it has besides
 * the first. The end is `undefined` for a long array or object.
 */
function endOfPart(
  text: string,
  from: number,
  outer: number,
  { depth, values: most }: PartLimits,
): { readonly end: number | undefined; readonly values: number } {
  let open = 0;
  let values = 0;
  for (let at = from; at < text.length; at++) {
    if (open > 0 && at - from > MAX_PART) return { end: undefined, values };
    switch (text.charCodeAt(at)) {
      case 0x22: // "
        at = endOfString(text, at + 1);
        if (open === 0) return { end: Math.min(at + 1, text.length), values };
        break;
      case 0x5b: // [
      case 0x7b: // {
        if (++open + outer > depth) throw new PartTooLarge("depth");
        if (++values > most) throw new PartTooLarge("values");
        break;
      case 0x5d: // ]
      case 0x7d: // }
        if (open === 0) return { end: at, values };
        if (--open === 0) return { end: at + 1, values };
        break;
      case 0x2c: // ,
        if (open === 0) return { end: at, values };
        if (++values > most) throw new PartTooLarge("values");
    }
  }
  return { end: text.length, values };
}
