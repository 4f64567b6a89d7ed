/**
 * What is to be picked out of an answer's body.
 *
 * @module
 */

import { compact } from "../lib/compact.ts";
import { parse as parseSelector } from "css-what";
import { z } from "zod";
import { isPointer } from "./expect.ts";
import type { Issue } from "./issues.ts";
import { pointerTo } from "../lib/json.ts";

/** What to pick out. */
export interface Extraction {
  /** So many of the first lines that hold more than white space. */
  readonly lines?: number;
  /** Count the runs of non-space. */
  readonly words?: true;
  /** RFC 6901 pointers by the name under which their value is told. */
  readonly json?: Readonly<Record<string, string>>;
  /** Selectors by name; `a@href` asks for an attribute instead of the text. */
  readonly css?: Readonly<Record<string, string>>;
}

const MAX_LINES = 1_000;
const MAX_NAMES = 50;
const NAME_LETTERS = 64;
const SELECTOR_LETTERS = 256;
/** They look at whole subtrees for every element, or at texts: too dear, or not of the standard. */
const REFUSED_PSEUDO = new Set(["has", "contains", "icontains"]);

const EXPECTED = {
  extract: "Expected an object with lines, words, json or css",
  lines: `Expected a whole number from 1 to ${MAX_LINES}`,
  words: "Expected true, or leave it out",
  json: `Expected an object of at most ${MAX_NAMES} names, each with a JSON pointer`,
  css: `Expected an object of at most ${MAX_NAMES} names, each with a selector`,
  name: `Expected a name of 1 to ${NAME_LETTERS} letters`,
  pointer: `Expected an RFC 6901 pointer such as "/items/0/title"`,
  selector: `Expected a CSS selector of at most ${SELECTOR_LETTERS} letters, without :has, such ` +
    `as "h1", or "a@href" for an attribute`,
};

/** The field `extract`, for the schema of a request. */
export const extractField = {
  extract: z.strictObject({
    lines: z.int({ error: EXPECTED.lines }).min(1, { error: EXPECTED.lines })
      .max(MAX_LINES, { error: EXPECTED.lines }).optional().meta({
        description: "So many of the first lines that hold more than white space.",
        examples: [3],
      }),
    words: z.literal(true, { error: EXPECTED.words }).optional()
      .meta({ description: "Count the runs of non-space." }),
    json: z.record(z.string(), z.string({ error: EXPECTED.pointer }), { error: EXPECTED.json })
      .optional().meta({
        description: "JSON pointers by name; what is not there is null.",
        examples: [{ title: "/items/0/title" }],
      }),
    css: z.record(z.string(), z.string({ error: EXPECTED.selector }), { error: EXPECTED.css })
      .optional().meta({
        description: "CSS selectors by name: the texts of what they match, or with @ an attribute.",
        examples: [{ heading: "h1", links: "a@href" }],
      }),
  }, { error: (issue) => issue.code === "unrecognized_keys" ? undefined : EXPECTED.extract })
    .optional().meta({ description: "What to pick out of the body into result.extracted." }),
};

/** The field as its schema leaves it. */
export interface RawExtraction {
  /** From 1. */
  readonly lines?: number | undefined;
  /** As it was meant. */
  readonly words?: true | undefined;
  /** Any names and texts. */
  readonly json?: Record<string, string> | undefined;
  /** Any names and texts. */
  readonly css?: Record<string, string> | undefined;
}

/** Reads the field, and adds what is wrong with it to `issues`. */
export function readExtraction(
  raw: RawExtraction | undefined,
  issues: Issue[],
): Extraction | undefined {
  if (!raw) return undefined;
  const { lines, words, json, css } = raw;
  const check = (field: "json" | "css", isRight: (text: string) => boolean, detail: string) => {
    const given = Object.entries(raw[field] ?? {});
    const at = (...path: string[]) => pointerTo(["extract", field, ...path]);
    if (given.length > MAX_NAMES) issues.push({ pointer: at(), detail: EXPECTED[field] });
    for (const [name, text] of given) {
      const isName = name.length > 0 && name.length <= NAME_LETTERS;
      if (!isName) issues.push({ pointer: at(name), detail: EXPECTED.name });
      else if (!isRight(text)) issues.push({ pointer: at(name), detail });
    }
  };
  check("json", isPointer, EXPECTED.pointer);
  check("css", isSelector, EXPECTED.selector);
  return {
    ...compact({ lines, words, json, css }),
  };
}

/** Parts `a@href` into a selector and the name of an attribute. */
export function splitSelector(text: string): { selector: string; attribute?: string } {
  const [, selector, attribute] = /^(.*[^@\s])@([A-Za-z_][\w:.-]*)\s*$/s.exec(text) ?? [];
  return selector === undefined || attribute === undefined
    ? { selector: text }
    : { selector, attribute };
}

function isSelector(text: string): boolean {
  if (text.length > SELECTOR_LETTERS) return false;
  try {
    const selectors = parseSelector(splitSelector(text).selector);
    return selectors.length > 0 && selectors.every(isBearable);
  } catch {
    return false;
  }
}

type Token = ReturnType<typeof parseSelector>[number][number];

function isBearable(tokens: readonly Token[]): boolean {
  return tokens.every((token) => {
    if (token.type === "pseudo-element") return false;
    if (token.type !== "pseudo") return true;
    return !REFUSED_PSEUDO.has(token.name) &&
      (!Array.isArray(token.data) || token.data.every(isBearable));
  });
}
