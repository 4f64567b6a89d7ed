/**
 * Parses a large JSON object part by part, so that no single `JSON.parse`
 * blocks the event loop for long.
 *
 * @module
 */

import { skipSpace } from "./exact_json.ts";
import { endOfString } from "../json.ts";
import type { Steps } from "../steps.ts";

/** How a large object is divided. */
export interface PartLimits {
  /** A member that is one part, also when it is an array. */
  readonly whole?: string;
  /** Deepest nesting of arrays and objects in the whole. */
  readonly depth: number;
  /** The most values in one part. */
  readonly values: number;
  /** The most members of the whole. */
  readonly members: number;
}

/** A part exceeds a limit. */
export class PartTooLarge extends RangeError {
  /** `PartTooLarge`. */
  override name = "PartTooLarge";
  /** Which limit. */
  readonly limit: "depth" | "values" | "members";

  /** Names the limit that is exceeded. */
  constructor(limit: PartTooLarge["limit"]) {
    super(`Cannot parse JSON: a part exceeds the limit of ${limit}`);
    this.limit = limit;
  }
}

/**
 * Parses an object. Its parts are its members, and of a member that is an array
 * each item; `parse` gets the text of each and the name of the member. Throws a
 * `SyntaxError`, or a `PartTooLarge` before a part is parsed.
 */
export function* parseInParts(
  text: string,
  limits: PartLimits,
  parse: (part: string, member: string) => unknown,
): Steps<Record<string, unknown>> {
  const members = new Map<string, unknown>();
  let at = expect("{", skipSpace(text, 0));
  if (text[at] === "}") at++;
  else {
    for (;;) {
      if (text[at] !== '"') throw syntaxError(at);
      const nameEnd = Math.min(endOfString(text, at + 1) + 1, text.length);
      const name = String(JSON.parse(text.slice(at, nameEnd)));
      at = expect(":", skipSpace(text, nameEnd));
      const isList = text[at] === "[" && name !== limits.whole;
      const list: unknown[] = [];
      if (isList) at = skipSpace(text, at + 1);
      if (isList && text[at] === "]") at++;
      else {
        for (;;) {
          const end = endOfPart(text, at, isList ? 2 : 1, limits);
          const value = parse(text.slice(at, end), name);
          if (isList) list.push(value);
          else members.set(name, value);
          yield 5 + (end - at) / 50;
          at = skipSpace(text, end);
          if (!isList) break;
          const next = text[at];
          if (next !== "," && next !== "]") throw syntaxError(at);
          at = next === "," ? skipSpace(text, at + 1) : at + 1;
          if (next === "]") break;
        }
      }
      if (isList) members.set(name, list);
      if (members.size > limits.members) throw new PartTooLarge("members");
      at = skipSpace(text, at);
      if (text[at] === "}") {
        at++;
        break;
      }
      at = expect(",", at);
    }
  }
  if (skipSpace(text, at) < text.length) throw syntaxError(at);
  return Object.fromEntries(members);

  function expect(letter: string, from: number): number {
    if (text[from] !== letter) throw syntaxError(from);
    return skipSpace(text, from + 1);
  }
}

function syntaxError(at: number): SyntaxError {
  return new SyntaxError(`Cannot parse JSON: unexpected character at position ${at}`);
}

/** Where the value that begins at `from` ends, if it is valid. */
function endOfPart(text: string, from: number, outer: number, { depth, values }: PartLimits) {
  let open = 0;
  let count = 0;
  for (let at = from; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case 0x22: // "
        at = endOfString(text, at + 1);
        if (open === 0) return Math.min(at + 1, text.length);
        break;
      case 0x5b: // [
      case 0x7b: // {
        if (++open + outer > depth) throw new PartTooLarge("depth");
        break;
      case 0x5d: // ]
      case 0x7d: // }
        if (open === 0) return at;
        if (--open === 0) return at + 1;
        break;
      case 0x2c: // ,
        if (open === 0) return at;
        if (++count > values) throw new PartTooLarge("values");
    }
  }
  return text.length;
}
