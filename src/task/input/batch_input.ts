/**
 * A batch as its author wrote it: a list, and beside it what holds for each entry.
 *
 * @module
 */

import { type Issue, MAX_ISSUES, type Parsed, UNKNOWN_FIELD } from "../issues.ts";
import { pointerPath, pointerTo } from "../../lib/json.ts";

/** The most tasks one batch can hold. */
export const MAX_ENTRIES = 10_000;

/** The most characters that the tasks of one submit hold, all together. */
export const MAX_SPREAD = 64 * 2 ** 20;

/** How many characters the texts of a value hold, as often as they stand in it. */
export function weightOf(value: unknown): number {
  if (typeof value === "string") return value.length;
  if (typeof value !== "object" || value === null) return 0;
  let weight = 0;
  for (const [name, member] of Object.entries(value)) weight += name.length + weightOf(member);
  return weight;
}

/** What one submit asks for. */
export interface Requests<Request> {
  /** Whether it is answered as a batch, which a list with one entry is too. */
  readonly isBatch: boolean;
  /** At least one. */
  readonly requests: readonly Request[];
  /** The most of them that are attempted at once. */
  readonly concurrency?: number;
}

/** A JSON object not yet looked into. */
export type PlainObject = Readonly<Record<string, unknown>>;

/** Names of which an entry takes one: its own choice displaces another that holds for all. */
export type Alternatives = readonly (readonly string[])[];

/** Whether a value is a JSON object. */
export function isPlainObject(value: unknown): value is PlainObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * A parser that tells all that is wrong at once. One that stops at a first sort
 * of issues is asked again about what is left without them; `standIns` then
 * take the place of faulty members that it cannot do without.
 */
export function collectAllErrors<Request>(
  parse: (members: PlainObject) => Parsed<Request>,
  standIns: PlainObject = {},
): (members: PlainObject) => Parsed<Request> {
  return (members) => {
    const parsed = parse(members);
    if (!parsed.issues) return parsed;
    const faulty = new Set(parsed.issues.map(memberOf));
    const rest = Object.entries(members).filter(([name]) => !faulty.has(name));
    const stood = Object.entries(standIns).filter(([name]) => faulty.has(name));
    const further = parse(Object.fromEntries([...rest, ...stood])).issues ?? [];
    // That a member is missing may come of its having been left out, unless only strange ones were.
    const isSound = parsed.issues.every(({ detail }) => detail === UNKNOWN_FIELD);
    const told = further.filter((issue) => {
      const name = memberOf(issue);
      return !faulty.has(name) && (isSound || Object.hasOwn(members, name));
    });
    return { issues: [...parsed.issues, ...told].slice(0, MAX_ISSUES) };
  };
}

/** The member of the body that a issue is about. */
function memberOf({ pointer }: Issue): string {
  return pointerPath(pointer)[0] ?? "";
}

/** Parses what stands alone. */
export function parseSingle<Request>(
  body: PlainObject,
  parse: (members: PlainObject) => Parsed<Request>,
): Parsed<Requests<Request>> {
  const parsed = parse(body);
  return parsed.issues ? parsed : { value: { isBatch: false, requests: [parsed.value] } };
}

/**
 * Parses the list `name` of a body, with all that stands beside it as defaults:
 * but `concurrency` belongs to the batch.
 * An entry that is a text is taken as the member `bare`, where that is given.
 * A issue points into the entry, or at the default that is to blame.
 */
export function parseEntries<Request>(
  body: PlainObject,
  { name, bare, alternatives, parse }: {
    readonly name: string;
    readonly bare?: string;
    readonly alternatives: Alternatives;
    readonly parse: (members: PlainObject) => Parsed<Request>;
  },
): Parsed<Requests<Request>> {
  const { [name]: list, concurrency, ...defaults } = body;
  const expected = bare ? "texts" : "objects";
  if (!Array.isArray(list) || list.length < 1 || list.length > MAX_ENTRIES) {
    const count = Array.isArray(list) ? `, not ${list.length}` : "";
    const detail = `Expected a list of 1 to ${MAX_ENTRIES} ${expected}${count}`;
    return { issues: [{ pointer: pointerTo([name]), detail }] };
  }
  if (weightOf(defaults) * list.length > MAX_SPREAD) {
    const detail = `Expected at most ${MAX_SPREAD} characters in all, with what holds for each ` +
      "entry counted for each: put less beside the list, or fewer into it";
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
      if (!parsed.issues) requests.push(parsed.value);
      else {
        for (const issue of parsed.issues) {
          add(issues, relocate(issue, { name, bare, index, entry, defaults }));
        }
      }
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

/** Defaults that no entry uses, because each has its own; they must be right all the same. */
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
