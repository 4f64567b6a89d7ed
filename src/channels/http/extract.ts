/**
 * What is picked out of a body's text: values of JSON, elements of a page.
 *
 * Each is bounded, since both the text and the pointers are other people's.
 *
 * @module
 */

import { type Options, selectAll } from "css-select";
import { type AnyNode, type Document, DomHandler, type Element, isTag } from "domhandler";
import * as domutils from "domutils";
import { Parser } from "htmlparser2";
import type { Extraction } from "../../task/extract.ts";
import { splitSelector } from "../../task/extract.ts";
import { valueAt } from "../../task/json_pointer.ts";
import type { Json } from "../../task/task.ts";
import type { TextExtractor } from "./text_extractor.ts";

/** Deeper JSON is taken for an attack. */
const MAX_DEPTH = 500;
/** A value that takes more letters as JSON is left out. */
const VALUE_LETTERS = 65_536;
/** Elements told for each selector. */
const MAX_ELEMENTS = 100;
/** A longer text is cut. */
const TEXT_LETTERS = 2_000;

/** What was picked out, with the keys of the `extract` that asked for it. */
export type Extracted = { [Name in keyof Extraction]?: Json } & {
  /** Why something is missing, by `text`, `json`, `css`, or `json/name`. */
  errors?: Record<string, string>;
};

/** Picks out all that is asked for of a body that has been read. */
export function extractFrom(extract: Extraction, reading: TextExtractor): Extracted {
  const { lines, words, json, css } = extract;
  const errors: Record<string, string> = {};
  if (!reading.isText) errors.text = "The body is not text";
  const text = json || css ? reading.text() : undefined;
  const extracted: Extracted = {
    ...(lines === undefined ? {} : { lines: reading.lines }),
    ...(words === undefined ? {} : { words: reading.words }),
    ...(json === undefined ? {} : { json: pickJson(json, text, errors) }),
    ...(css === undefined ? {} : { css: pickCss(css, text, errors) }),
  };
  return Object.keys(errors).length > 0 ? { ...extracted, errors } : extracted;
}

const TOO_LONG = "The body is too long to be read whole";

function pickJson(
  pointers: Readonly<Record<string, string>>,
  text: string | undefined,
  errors: Record<string, string>,
): Json {
  const parsed = text === undefined ? { fault: TOO_LONG } : parseJson(text);
  if ("fault" in parsed) errors.json = parsed.fault;
  return Object.fromEntries(
    Object.entries(pointers).map(([name, pointer]) => {
      const value = "fault" in parsed ? null : valueAt(parsed.value, pointer) ?? null;
      if (typeof value !== "object" && typeof value !== "string") return [name, value];
      if (JSON.stringify(value).length <= VALUE_LETTERS) return [name, value];
      errors[`json/${name}`] = `The value is longer than ${VALUE_LETTERS} letters`;
      return [name, null];
    }),
  );
}

/** Parses JSON, unless it is none or nested without measure. */
export function parseJson(text: string): { value: Json } | { fault: string } {
  if (isTooDeep(text)) return { fault: `The body is nested more than ${MAX_DEPTH} deep` };
  try {
    return { value: JSON.parse(text.replace(/^\ufeff/, "")) };
  } catch {
    return { fault: "The body is not JSON" };
  }
}

/** Brackets within texts are not counted. */
function isTooDeep(text: string): boolean {
  let depth = 0;
  let inText = false;
  for (let at = 0; at < text.length; at++) {
    const letter = text[at];
    if (letter === '"') inText = !inText;
    else if (inText) at += letter === "\\" ? 1 : 0;
    else if (letter === "[" || letter === "{") depth++;
    else if (letter === "]" || letter === "}") depth--;
    if (depth > MAX_DEPTH) return true;
  }
  return false;
}

function pickCss(
  selectors: Readonly<Record<string, string>>,
  text: string | undefined,
  errors: Record<string, string>,
): Json {
  const page = text === undefined ? undefined : parsePage(text);
  if (!page) errors.css = text === undefined ? TOO_LONG : "The page is nested too deep";
  const adapter = boundedAdapter();
  return Object.fromEntries(
    Object.entries(selectors).map(([name, given]) => {
      const { selector, attribute } = splitSelector(given);
      try {
        const found = page ? selectAll<AnyNode, Element>(selector, page, { adapter }) : [];
        return [name, tell(found, attribute)];
      } catch {
        errors[`css/${name}`] = "It takes too long to apply this selector to this page";
        return [name, []];
      }
    }),
  );
}

/** Looks around so many times for all selectors of a page: a tenth of a second or two. */
const MAX_LOOKS = 3_000_000;

/** What a selector looks at a page through: it throws when that has been too often. */
function boundedAdapter(): NonNullable<Options<AnyNode, Element>["adapter"]> {
  let looks = 0;
  const counted =
    <Arguments extends unknown[], Seen>(look: (...args: Arguments) => Seen) =>
    (...args: Arguments): Seen => {
      if (++looks > MAX_LOOKS) throw new RangeError("Too many looks");
      return look(...args);
    };
  return {
    ...domutils,
    isTag: counted(isTag) as typeof isTag,
    getParent: counted(domutils.getParent),
    getSiblings: counted(domutils.getSiblings),
    equals: counted((a: AnyNode, b: AnyNode) => a === b),
  };
}

/** Parsing takes the square of the depth, so a page is not read beyond it. */
const MAX_NESTED = 500;

class ShallowPage extends DomHandler {
  override onopentag(name: string, attributes: Record<string, string>): void {
    if (this.tagStack.length > MAX_NESTED) throw new RangeError("Nested too deep");
    super.onopentag(name, attributes);
  }
}

function parsePage(text: string): Document | undefined {
  const page = new ShallowPage();
  try {
    new Parser(page).end(text);
    return page.root;
  } catch {
    return undefined;
  }
}

/** Elements that lack the attribute are passed over. */
function tell(found: readonly Element[], attribute: string | undefined): string[] {
  const told: string[] = [];
  for (const element of found) {
    const said = attribute === undefined ? textWithin(element) : element.attribs[attribute];
    if (said !== undefined) told.push(said.slice(0, TEXT_LETTERS).toWellFormed());
    if (told.length === MAX_ELEMENTS) break;
  }
  return told;
}

/** A text as a reader sees it: white space is one space. */
function textWithin(element: Element): string {
  let text = "";
  const left: AnyNode[] = [element];
  for (let node = left.pop(); node && text.length < 2 * TEXT_LETTERS; node = left.pop()) {
    if (node.type === "text") text += (node as unknown as { data: string }).data;
    else if ("children" in node) left.push(...node.children.toReversed());
  }
  return text.replace(/\s+/g, " ").trim();
}
