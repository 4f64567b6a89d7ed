/**
 * What to extract from the body of a response.
 *
 * @module
 */

import { compact } from "../lib/compact.ts";
import { compile as compileSelector } from "css-select";
import { parse as parseSelector } from "css-what";
import { z } from "zod";
import { isPointer } from "./expect.ts";
import type { Issue } from "./issues.ts";
import { pointerTo } from "../lib/json.ts";

/** What to extract. */
export interface Extraction {
  /** How many of the first lines that are not blank. */
  readonly lines?: number;
  /** Counts the words: runs of other characters than white space. */
  readonly words?: true;
  /** RFC 6901 pointers, by the name of their value in the result. */
  readonly json?: Readonly<Record<string, string>>;
  /** Selectors by name; `a@href` means an attribute instead of the text. */
  readonly css?: Readonly<Record<string, string>>;
}

const MAX_LINES = 1_000;
const MAX_NAMES = 50;
const NAME_LETTERS = 64;
const SELECTOR_LETTERS = 256;
/** They visit whole subtrees for every element, or are not standard CSS. */
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
        description: "How many of the first lines that are not blank.",
        examples: [3],
      }),
    words: z.literal(true, { error: EXPECTED.words }).optional()
      .meta({ description: "true counts the words." }),
    json: z.record(z.string(), z.string({ error: EXPECTED.pointer }), { error: EXPECTED.json })
      .optional().meta({
        description: "JSON pointers by name; a missing value is null.",
        examples: [{ title: "/items/0/title" }],
      }),
    css: z.record(z.string(), z.string({ error: EXPECTED.selector }), { error: EXPECTED.css })
      .optional().meta({
        description: "CSS selectors by name: the texts of what they match, or with @ an attribute.",
        examples: [{ heading: "h1", links: "a@href" }],
      }),
  }, { error: (issue) => issue.code === "unrecognized_keys" ? undefined : EXPECTED.extract })
    .optional().meta({ description: "What to extract from the body into result.extracted." }),
};

/** The field as its schema leaves it. */
export type RawExtraction = NonNullable<(typeof extractField)["extract"]["_output"]>;

/** Parses the field, and adds what is wrong with it to `issues`. */
export function readExtraction(
  raw: RawExtraction | undefined,
  issues: Issue[],
): Extraction | undefined {
  if (!raw) return undefined;
  const { lines, words, json, css } = raw;
  const check = (field: "json" | "css", wrongWith: (text: string) => string | undefined) => {
    const given = Object.entries(raw[field] ?? {});
    const at = (...path: string[]) => pointerTo(["extract", field, ...path]);
    if (given.length > MAX_NAMES) issues.push({ pointer: at(), detail: EXPECTED[field] });
    for (const [name, text] of given) {
      const isName = name.length > 0 && name.length <= NAME_LETTERS;
      if (!isName) issues.push({ pointer: at(name), detail: EXPECTED.name });
      else {
        const detail = wrongWith(text);
        if (detail !== undefined) issues.push({ pointer: at(name), detail });
      }
    }
  };
  check("json", (text) => isPointer(text) ? undefined : EXPECTED.pointer);
  check("css", selectorIssue);
  return {
    ...compact({ lines, words, json, css }),
  };
}

/** Splits `a@href` into a selector and the name of an attribute. */
export function splitSelector(text: string): { selector: string; attribute?: string } {
  const [, selector, attribute] = /^(.*[^@\s])@([A-Za-z_][\w:.-]*)\s*$/s.exec(text) ?? [];
  return selector === undefined || attribute === undefined
    ? { selector: text }
    : { selector, attribute };
}

/** What is wrong with a selector; `undefined` when it can be applied. */
function selectorIssue(text: string): string | undefined {
  if (text.length > SELECTOR_LETTERS) return EXPECTED.selector;
  const { selector } = splitSelector(text);
  try {
    const tokens = parseSelector(selector);
    if (tokens.length === 0) return EXPECTED.selector;
    const refused = tokens.map(refusedPseudo).find((name) => name !== undefined);
    if (refused !== undefined) return unsupported(refused);
    compileSelector(selector);
    return undefined;
  } catch (error) {
    // css-select names the pseudo-class that it does not know.
    const [name] = /:[\w-]+$/.exec((error as Error).message) ?? [];
    return name === undefined ? EXPECTED.selector : unsupported(name);
  }
}

function unsupported(name: string): string {
  return `${EXPECTED.selector}; ${name} is not supported`;
}

type Token = ReturnType<typeof parseSelector>[number][number];

function refusedPseudo(tokens: readonly Token[]): string | undefined {
  for (const token of tokens) {
    if (token.type === "pseudo-element") return `::${token.name}`;
    if (token.type !== "pseudo") continue;
    if (REFUSED_PSEUDO.has(token.name)) return `:${token.name}`;
    if (!Array.isArray(token.data)) continue;
    for (const inner of token.data) {
      const name = refusedPseudo(inner);
      if (name !== undefined) return name;
    }
  }
  return undefined;
}
