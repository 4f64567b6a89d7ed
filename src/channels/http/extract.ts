/**
 * Extracts JSON values and page elements from the text of a body.
 *
 * Callers and servers choose the selectors and the text, so the work is counted:
 * each element of the page, each node visited to match a selector and each node
 * visited to read a text takes a step of one budget.
 *
 * @module
 */

import { type Options, selectAll } from "css-select";
import { type AnyNode, type Document, DomHandler, type Element, isTag, isText } from "domhandler";
import * as domutils from "domutils";
import { Parser } from "htmlparser2";
import type { Extraction } from "../../task/extract.ts";
import { splitSelector } from "../../task/extract.ts";
import { isNestedDeeper, valueAt } from "../../lib/json.ts";
import { parseExact } from "../../lib/json/exact_json.ts";
import type { Json } from "../../task/task.ts";

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

/** What is extracted from a whole text, and why something is missing. */
export type TextExtracted = Pick<Extracted, "json" | "css"> & {
  /** By `json`, `css`, or such as `json/name`. */
  readonly errors: Record<string, string>;
};

/** Extracts JSON values and page elements; `text` is `undefined` when the body is too long. */
export function extractFromText(
  { json, css }: Pick<Extraction, "json" | "css">,
  text: string | undefined,
  contentType?: string,
): TextExtracted {
  const errors: Record<string, string> = {};
  return {
    ...(json === undefined ? {} : { json: extractJson(json, text, errors) }),
    ...(css === undefined ? {} : { css: extractCss(css, text, contentType, errors) }),
    errors,
  };
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
      if (isShortJson(value)) return [name, value];
      errors[`json/${name}`] = `The value is longer than ${MAX_VALUE_LENGTH} characters`;
      return [name, null];
    }),
  );
}

/** Measures no further than the limit: many pointers may lead to the same large value. */
function isShortJson(value: Json): boolean {
  let left = MAX_VALUE_LENGTH;
  const take = (value: Json): void => {
    if (left < 0) return;
    if (typeof value === "string") {
      left -= value.length > left ? left + 1 : JSON.stringify(value).length;
    } else if (value === null || typeof value !== "object") left -= String(value).length;
    else if (Array.isArray(value)) {
      left -= 1 + Math.max(1, value.length);
      for (const item of value) {
        if (left < 0) return;
        take(item);
      }
    } else {
      left -= 1;
      for (const name in value) {
        if (left < 0) return;
        left -= 2;
        take(name);
        take(value[name]!);
      }
    }
  };
  take(value);
  return left >= 0;
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

/** Steps for one page and all of its selectors: about 0.2 seconds. */
const MAX_STEPS = 3_000_000;
/** A page with more nodes is refused, in steps: a node takes about 100 bytes. */
const STEPS_PER_NODE = 20;

/** Counts work, and throws when there has been too much. */
class Budget {
  #left = MAX_STEPS;

  get isSpent(): boolean {
    return this.#left < 0;
  }

  take(steps = 1): void {
    this.#left -= steps;
    if (this.#left < 0) throw new RangeError("Too many steps");
  }
}

const TOO_COSTLY = "It takes too long to apply these selectors to this page";

function extractCss(
  selectors: Readonly<Record<string, string>>,
  text: string | undefined,
  contentType: string | undefined,
  errors: Record<string, string>,
): Json {
  const budget = new Budget();
  const kind = kindOf(text ?? "", contentType);
  const xmlMode = kind === "xml";
  const page = text === undefined ? TOO_LONG : parsePage(text, kind, budget);
  if (typeof page === "string") errors.css = page;
  const adapter = boundedAdapter(budget);
  return Object.fromEntries(
    Object.entries(selectors).map(([name, given]) => {
      const { selector, attribute } = splitSelector(given);
      if (typeof page === "string") return [name, []];
      try {
        const found = selectAll<AnyNode, Element>(selector, page, { adapter, xmlMode });
        return [name, valuesOf(found, xmlMode ? attribute : attribute?.toLowerCase(), budget)];
      } catch {
        if (budget.isSpent) errors.css = TOO_COSTLY;
        errors[`css/${name}`] = "It takes too long to apply this selector to this page";
        return [name, []];
      }
    }),
  );
}

/** An adapter for css-select that takes a step for each visit. */
function boundedAdapter(budget: Budget): NonNullable<Options<AnyNode, Element>["adapter"]> {
  const counted =
    <Arguments extends unknown[], Found>(visit: (...args: Arguments) => Found) =>
    (...args: Arguments): Found => {
      budget.take();
      return visit(...args);
    };
  return {
    ...domutils,
    isTag: counted(isTag) as typeof isTag,
    getParent: counted(domutils.getParent),
    getSiblings: counted(domutils.getSiblings),
    getText: (node) => textWithin(node, budget, Infinity),
    equals: counted((a: AnyNode, b: AnyNode) => a === b),
  };
}

/** Parsing time grows with the square of the depth, so deeper pages are refused. */
const MAX_NESTED = 500;

class BoundedPage extends DomHandler {
  readonly #budget: Budget;
  isTooDeep = false;

  constructor(budget: Budget) {
    super();
    this.#budget = budget;
  }

  override onopentag(name: string, attributes: Record<string, string>): void {
    // A closing tag looks for its element in the stack.
    this.#budget.take(STEPS_PER_NODE + Object.keys(attributes).length);
    this.isTooDeep = this.tagStack.length > MAX_NESTED;
    if (this.isTooDeep) throw new RangeError("Nested too deep");
    super.onopentag(name, attributes);
  }
}

/** XHTML has the elements of HTML and the syntax of XML. */
type PageKind = "html" | "xhtml" | "xml";

const PARSER_OPTIONS = {
  html: {},
  xhtml: { recognizeCDATA: true, recognizeSelfClosing: true },
  xml: { xmlMode: true },
} as const satisfies Record<PageKind, object>;

/** What a page is: by its Content-Type, or by its XML declaration where that does not say. */
function kindOf(text: string, contentType: string | undefined): PageKind {
  const type = (contentType ?? "").split(";", 1)[0]?.trim().toLowerCase() ?? "";
  if (type === "application/xhtml+xml") return "xhtml";
  if (type === "text/html") return "html";
  if (/[/+]xml$/.test(type)) return "xml";
  if (!/^\ufeff?\s*<\?xml\s/.test(text)) return "html";
  return /<html[\s>]/i.test(text.slice(0, 2_000)) ? "xhtml" : "xml";
}

/** The page, or why it is refused. */
function parsePage(text: string, kind: PageKind, budget: Budget): Document | string {
  const page = new BoundedPage(budget);
  try {
    new Parser(page, PARSER_OPTIONS[kind]).end(text);
    return page.root;
  } catch {
    return page.isTooDeep ? "The page is nested too deep" : "The page has too many elements";
  }
}

/** The text or attribute of each element; elements without the attribute are skipped. */
function valuesOf(
  found: readonly Element[],
  attribute: string | undefined,
  budget: Budget,
): string[] {
  const values: string[] = [];
  for (const element of found) {
    const value = attribute === undefined
      ? textWithin(element, budget, 2 * MAX_TEXT_LENGTH).replace(/\s+/g, " ").trim()
      : element.attribs[attribute];
    if (value !== undefined) values.push(value.slice(0, MAX_TEXT_LENGTH).toWellFormed());
    if (values.length === MAX_ELEMENTS) break;
  }
  return values;
}

/** Elements of HTML that stand on lines or in cells of their own. */
const SEPARATED = new Set(
  ("address article aside blockquote br caption dd details dialog div dl dt fieldset figcaption " +
    "figure footer form h1 h2 h3 h4 h5 h6 header hgroup hr legend li main nav ol optgroup option " +
    "p pre search section summary table tbody td tfoot th thead tr ul").split(" "),
);
/** Elements whose content is not shown; it is returned only when they are selected themselves. */
const HIDDEN = new Set(["noscript", "script", "style", "template"]);

/**
 * The text of a node as a reader sees it, up to a length: lines and cells are separated by
 * white space. Each node visited is a step.
 */
function textWithin(root: AnyNode | AnyNode[], budget: Budget, maxLength: number): string {
  if (Array.isArray(root)) return root.map((node) => textWithin(node, budget, maxLength)).join("");
  let text = "";
  const left: (AnyNode | " ")[] = [root];
  for (let node = left.pop(); node && text.length < maxLength; node = left.pop()) {
    budget.take();
    if (node === " ") text += node;
    else if (isText(node)) text += node.data;
    else if ("children" in node) {
      const name = isTag(node) && node !== root ? node.name : "";
      if (HIDDEN.has(name)) continue;
      const isSeparated = SEPARATED.has(name);
      if (isSeparated) {
        text += " ";
        left.push(" ");
      }
      for (let at = node.lastChild; at; at = at.prev) {
        budget.take();
        left.push(at);
      }
    }
  }
  return text;
}
