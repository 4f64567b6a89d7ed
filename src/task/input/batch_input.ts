/**
 * A batch as its author wrote it: a list, and defaults for its entries.
 *
 * @module
 */

import { z } from "zod";
import type { Steps } from "../../lib/steps.ts";
import { heldBase64 } from "../../lib/json/held_text.ts";
import { type Issue, MAX_ISSUES, type Parsed, UNKNOWN_FIELD } from "../issues.ts";
import { isPlainObject, type PlainObject, pointerPath, pointerTo } from "../../lib/json.ts";

export { isPlainObject, type PlainObject };

/** The most tasks one batch can hold. */
export const MAX_ENTRIES = 10_000;

/** The most characters that the tasks of one submit hold together. */
export const MAX_SPREAD = 64 * 2 ** 20;

/** The number of characters in the texts of a value. */
export function weightOf(value: unknown): number {
  if (typeof value === "string") return heldBase64(value)?.length ?? value.length;
  if (typeof value !== "object" || value === null) return 0;
  let weight = 0;
  for (const [name, member] of Object.entries(value)) weight += name.length + weightOf(member);
  return weight;
}

/** The most values in one request. */
const MAX_VALUES = 10_000;
/** Members that are taken as they are, whatever they hold. */
const FREE = ["data", "json"];

/** The issue of a request with too many values: checking each of them would delay other callers. */
function sizeIssue(request: PlainObject): Issue | undefined {
  let left = MAX_VALUES;
  const count = (value: unknown) => {
    left--;
    if (typeof value !== "object" || value === null) return;
    if (Array.isArray(value)) {
      for (let at = 0; at < value.length && left > 0; at++) count(value[at]);
      return;
    }
    for (const name in value) {
      if (left <= 0) return;
      if (!FREE.includes(name)) count((value as PlainObject)[name]);
    }
  };
  for (const name in request) {
    if (!FREE.includes(name)) count(request[name]);
    if (left <= 0) {
      const detail =
        `Expected at most ${MAX_VALUES} JSON values in a request, not counting data and json`;
      return { pointer: pointerTo([name]), detail };
    }
  }
  return undefined;
}

/** The requests of one submit. */
export interface Requests<Request> {
  /** Whether the response is a batch, as it is for a list of one too. */
  readonly isBatch: boolean;
  /** At least one. */
  readonly requests: readonly Request[];
  /** The most of them that are attempted at once. */
  readonly concurrency?: number;
}

/** Groups of fields of which an entry takes one: its own choice replaces a default. */
export type Alternatives = readonly (readonly string[])[];

/** How `collectAllErrors` parses again. */
export interface SecondPass {
  /** Values for required members that were wrong. */
  readonly standIns?: PlainObject;
  /** Members that mean nothing without a member that was wrong. */
  readonly dependents?: ReadonlyMap<string, readonly string[]>;
}

/**
 * A parser that reports all issues at once. When `parse` stops at the first
 * kind of issue, it parses again without the members that were wrong.
 */
export function collectAllErrors<Request>(
  parse: (members: PlainObject) => Parsed<Request>,
  { standIns = {}, dependents }: SecondPass = {},
): (members: PlainObject) => Parsed<Request> {
  return (members) => {
    const tooMany = sizeIssue(members);
    if (tooMany) return { issues: [tooMany] };
    const parsed = parse(members);
    if (!parsed.issues) return parsed;
    const wrong = new Set(parsed.issues.map(memberOf));
    for (const name of [...wrong]) {
      for (const other of dependents?.get(name) ?? []) wrong.add(other);
    }
    const rest = Object.entries(members).filter(([name]) => !wrong.has(name));
    const stood = Object.entries(standIns).filter(([name]) => wrong.has(name));
    const further = parse(Object.fromEntries([...rest, ...stood])).issues ?? [];
    // A member may be missing only because it was left out, unless only unknown ones were.
    const isComplete = parsed.issues.every(({ detail }) => detail === UNKNOWN_FIELD);
    const added = further.filter((issue) => {
      const name = memberOf(issue);
      return !wrong.has(name) && (isComplete || Object.hasOwn(members, name));
    });
    return { issues: [...parsed.issues, ...added].slice(0, MAX_ISSUES) };
  };
}

/** The member of the body that an issue is about. */
function memberOf({ pointer }: Issue): string {
  return pointerPath(pointer)[0] ?? "";
}

/** Parses a single request. */
export function parseSingle<Request>(
  body: PlainObject,
  parse: (members: PlainObject) => Parsed<Request>,
): Parsed<Requests<Request>> {
  const parsed = parse(body);
  return parsed.issues ? parsed : { value: { isBatch: false, requests: [parsed.value] } };
}

/** How a list of requests is parsed. */
export interface EntriesParser<Request> {
  /** The member with the list. */
  readonly name: string;
  /** The member that a plain text fills in. */
  readonly bare?: string;
  /** Groups of fields of which an entry takes one. */
  readonly alternatives: Alternatives;
  /** Parses one entry with its defaults. */
  readonly parse: (members: PlainObject) => Parsed<Request>;
  /** What parsing it cost, in about microseconds. */
  readonly costOf: (request: Request) => number;
}

/** What an entry costs that is refused: a render may have used all of its time. */
const REFUSED_COST = 10_000;

/**
 * Parses a list of requests, one step for each. The body's other members are defaults
 * for each entry, but `concurrency` belongs to the batch. An issue points into
 * the entry, or to the default that caused it.
 */
export function* parseEntries<Request>(
  body: PlainObject,
  { name, bare, alternatives, parse, costOf }: EntriesParser<Request>,
): Steps<Parsed<Requests<Request>>> {
  const { [name]: list, concurrency, ...defaults } = body;
  const expected = bare ? "texts" : "objects";
  if (!Array.isArray(list) || list.length < 1 || list.length > MAX_ENTRIES) {
    const count = Array.isArray(list) ? `, not ${list.length}` : "";
    const detail = `Expected a list of 1 to ${MAX_ENTRIES} ${expected}${count}`;
    return { issues: [{ pointer: pointerTo([name]), detail }] };
  }
  if (weightOf(defaults) * list.length > MAX_SPREAD) {
    const detail = `Expected at most ${MAX_SPREAD} characters in all, with the defaults counted ` +
      "for each entry: use shorter defaults or fewer entries";
    return { issues: [{ pointer: pointerTo([name]), detail }] };
  }
  const requests: Request[] = [];
  const issues = new Map<string, Issue>();
  if (concurrency !== undefined && !isConcurrency(concurrency)) {
    const detail = `Expected a whole number from 1 to ${MAX_ENTRIES}`;
    add(issues, { pointer: "/concurrency", detail });
  }
  for (const [index, item] of list.entries()) {
    const entry = bare && typeof item === "string" ? { [bare]: item } : item;
    if (!isPlainObject(entry) || (bare && typeof item !== "string")) {
      const detail = `Expected ${bare ? "a text" : "a JSON object"}`;
      add(issues, { pointer: pointerTo([name, index]), detail });
    } else {
      const parsed = parse(overlay(defaults, entry, alternatives));
      if (!parsed.issues) {
        requests.push(parsed.value);
        yield costOf(parsed.value);
      } else {
        for (const issue of parsed.issues) {
          add(issues, relocate(issue, { name, bare, index, entry, defaults }));
        }
        yield REFUSED_COST;
      }
      if (parsed.issues?.some(({ isLast }) => isLast)) break;
    }
    if (issues.size >= MAX_ISSUES) break;
  }
  for (const member of overridden(defaults, list, alternatives)) {
    for (const issue of parse({ [member]: defaults[member] }).issues ?? []) {
      if (memberOf(issue) === member) add(issues, issue);
    }
  }
  return issues.size > 0 ? { issues: [...issues.values()] } : {
    value: {
      isBatch: true,
      requests,
      ...(isConcurrency(concurrency) ? { concurrency } : {}),
    },
  };
}

function isConcurrency(value: unknown): value is number {
  return Number.isInteger(value) && Number(value) >= 1 && Number(value) <= MAX_ENTRIES;
}

/** Defaults that no entry uses, because each has its own; they must be valid all the same. */
function overridden(
  defaults: PlainObject,
  list: readonly unknown[],
  alternatives: Alternatives,
): string[] {
  return Object.keys(defaults).filter((name) => {
    const group = alternatives.find((group) => group.includes(name)) ?? [name];
    return list.every((entry) =>
      isPlainObject(entry) && group.some((member) => Object.hasOwn(entry, member))
    );
  });
}

/**
 * A field that is any JSON object; it stays the same object, so that what entries share is seen.
 *
 * @internal
 */
export function anObject<Value extends PlainObject = PlainObject>(
  error: string,
): z.ZodCustom<Value, Value> {
  return z.custom<Value>(isPlainObject, { error })
    .meta({ type: "object", additionalProperties: true });
}

function overlay(
  defaults: PlainObject,
  entry: PlainObject,
  alternatives: Alternatives,
): PlainObject {
  const merged: Record<string, unknown> = { ...defaults, ...entry };
  for (const group of alternatives) {
    if (!group.some((name) => Object.hasOwn(entry, name))) continue;
    for (const name of group) if (!Object.hasOwn(entry, name)) delete merged[name];
  }
  return merged;
}

function relocate(
  issue: Issue,
  { name, bare, index, entry, defaults }: {
    name: string;
    bare: string | undefined;
    index: number;
    entry: PlainObject;
    defaults: PlainObject;
  },
): Issue {
  const member = memberOf(issue);
  if (!Object.hasOwn(entry, member) && Object.hasOwn(defaults, member)) return issue;
  const at = pointerTo([name, index]);
  return { ...issue, pointer: bare === member ? at : at + issue.pointer };
}

function add(issues: Map<string, Issue>, issue: Issue): void {
  issues.set(`${issue.pointer} ${issue.detail}`, issue);
}
