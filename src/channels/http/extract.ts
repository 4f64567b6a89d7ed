/**
 * Extracts JSON values and page elements from the text of a body.
 *
 * The work is bounded, because callers and servers choose selectors and text.
 *
 * @module
 */

import { type Options, selectAll } from "css-select";
import { type AnyNode, type Document, DomHandler, type Element, isTag } from "domhandler";
import * as domutils from "domutils";
import { Parser } from "htmlparser2";
import type { Extraction } from "../../task/extract.ts";
import { splitSelector } from "../../task/extract.ts";
import { isNestedDeeper, valueAt } from "../../lib/json.ts";
import { parseExact } from "../../lib/exact_json.ts";
import type { Json } from "../../task/task.ts";
import type { TextExtractor } from "./text_extractor.ts";

/** Deeper JSON is refused. */
const MAX_DEPTH = 500;
/** A value that is longer as JSON, in UTF-16 code units, is left out. */
const MAX_VALUE_LENGTH = 65_536;
/** Elements returned for each selector. */
const MAX_ELEMENTS = 100;
/** A longer text is cut, in UTF-16 code units. */
const MAX_TEXT_LENGTH = 2_000;

/** The extracted values, with the keys of the task's `extract`. */
export type Extracted = { [Name in keyof Extraction]?: Json } & {
  /** Why something is missing; the keys are `text`, `json`, `css`, or such as `json/name`. */
  errors?: Record<string, string>;
};

/** Extracts all that the task asks for from a complete body. */
export function extractFrom(extract: Extraction, extractor: TextExtractor): Extracted {
  const { lines, words, json, css } = extract;
  const errors: Record<string, string> = {};
  if (!extractor.isText) errors.text = "The body is not text";
  const text = json || css ? extractor.text() : undefined;
  const extracted: Extracted = {
    ...(lines === undefined ? {} : { lines: extractor.lines }),
    ...(words === undefined ? {} : { words: extractor.words }),
    ...(json === undefined ? {} : { json: extractJson(json, text, errors) }),
    ...(css === undefined ? {} : { css: extractCss(css, text, errors) }),
  };
  return Object.keys(errors).length > 0 ? { ...extracted, errors } : extracted;
}

const TOO_LONG = "The body is too long to be parsed";

function extractJson(
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
      if (JSON.stringify(value).length <= MAX_VALUE_LENGTH) return [name, value];
      errors[`json/${name}`] = `The value is longer than ${MAX_VALUE_LENGTH} characters`;
      return [name, null];
    }),
  );
}

/** Parses JSON that is not nested too deep. */
export function parseJson(text: string): { value: Json } | { fault: string } {
  if (isNestedDeeper(text, MAX_DEPTH)) {
    return { fault: `The body is nested more than ${MAX_DEPTH} deep` };
  }
  try {
    return { value: parseExact(text.replace(/^\ufeff/, "")) };
  } catch {
    return { fault: "The body is not JSON" };
  }
}

function extractCss(
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
        return [name, valuesOf(found, attribute)];
      } catch {
        errors[`css/${name}`] = "It takes too long to apply this selector to this page";
        return [name, []];
      }
    }),
  );
}

/** Node visits for all selectors of a page: about 0.1 to 0.2 seconds. */
const MAX_VISITS = 3_000_000;

/** An adapter for css-select that throws after too many visits. */
function boundedAdapter(): NonNullable<Options<AnyNode, Element>["adapter"]> {
  let visits = 0;
  const counted =
    <Arguments extends unknown[], Found>(visit: (...args: Arguments) => Found) =>
    (...args: Arguments): Found => {
      if (++visits > MAX_VISITS) throw new RangeError("Too many visits");
      return visit(...args);
    };
  return {
    ...domutils,
    isTag: counted(isTag) as typeof isTag,
    getParent: counted(domutils.getParent),
    getSiblings: counted(domutils.getSiblings),
    equals: counted((a: AnyNode, b: AnyNode) => a === b),
  };
}

/** Parsing time grows with the square of the depth, so deeper pages are refused. */
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

/** The text or attribute of each element; elements without the attribute are skipped. */
function valuesOf(found: readonly Element[], attribute: string | undefined): string[] {
  const values: string[] = [];
  for (const element of found) {
    const value = attribute === undefined ? textWithin(element) : element.attribs[attribute];
    if (value !== undefined) values.push(value.slice(0, MAX_TEXT_LENGTH).toWellFormed());
    if (values.length === MAX_ELEMENTS) break;
  }
  return values;
}

/** The text as a reader sees it: white space is collapsed. */
function textWithin(element: Element): string {
  let text = "";
  const left: AnyNode[] = [element];
  for (let node = left.pop(); node && text.length < 2 * MAX_TEXT_LENGTH; node = left.pop()) {
    if (node.type === "text") text += (node as unknown as { data: string }).data;
    else if ("children" in node) left.push(...node.children.toReversed());
  }
  return text.replace(/\s+/g, " ").trim();
}
