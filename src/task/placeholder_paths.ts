/**
 * Checks the placeholders of a follow-up when it is submitted: a misspelt path would
 * otherwise be empty text, long after its author has gone.
 *
 * @module
 */

import { ExactJson } from "../lib/json/exact_json.ts";
import { pointerTo } from "../lib/json.ts";
import type { Steps } from "../lib/steps.ts";
import { type Issue, MAX_ISSUES } from "./issues.ts";

/** The members below a path: by name, `*` for any name; `true` where anything may follow. */
type Paths = true | { readonly [name: string]: Paths };

const ERROR = { code: {}, detail: {} };
const STATES = { queued: {}, running: {}, succeeded: {}, failed: {}, cancelled: {}, expired: {} };

/** What an HTTP request, a mail or a chat message brings back. */
const RESULT: Paths = {
  status: {},
  url: {},
  hops: { "*": { status: {}, url: {} } },
  headers: { "*": {} },
  contentType: {},
  bytes: {},
  sha256: {},
  timings: { connect: {}, tls: {}, firstByte: {}, total: {} },
  body: {},
  truncated: {},
  masked: {},
  notModified: {},
  bodyError: ERROR,
  extracted: { lines: { "*": {} }, words: {}, json: true, css: true, errors: true },
  saved: { name: {}, path: {}, resumed: {} },
  messageId: {},
  relay: {},
  queueId: {},
  dsn: {},
  recipients: { "*": true },
  service: {},
  target: {},
  parts: {},
  sent: {},
};

const ROOTS: Readonly<Record<"task" | "batch", Paths>> = {
  task: {
    id: {},
    type: {},
    state: {},
    reason: {},
    delivery: {},
    attempt: {},
    createdAt: {},
    finishedAt: {},
    key: {},
    tags: { "*": {} },
    batchId: {},
    parentId: {},
    label: {},
    error: ERROR,
    result: RESULT,
  },
  batch: {
    id: {},
    total: {},
    counts: STATES,
    done: {},
    createdAt: {},
    list: {},
    tasks: { "*": { id: {}, state: {}, label: {}, error: ERROR } },
  },
};

/**
 * What looks like a placeholder for a task or a batch, misspelt too, also as the URL standard
 * encodes it. None begins within another and none is long, so that a search takes as long as
 * its text, whatever that holds.
 */
const CANDIDATE =
  /(?:\{|%7B){2}(?:\s|%20){0,100}((?:(?:task|batch)\b|(?:tasks|tsk|taks|batchs|batches|bacth)\.)(?:(?!%7B)[^{}]){0,1500}?)(?:\}|%7D){2}/gi;
const PATH = /^(task|batch)((?:\.[\w-]{1,100}){1,10})$/;

/** The most placeholders of one follow-up: filling them in delays other tasks. */
const MAX_PLACEHOLDERS = 10_000;
/** A brace that belongs to no placeholder, and the most of them: hooks write one for each brace. */
const BRACE = '{{"{"}}';
const MAX_BRACES = 200_000;
/** Characters searched in a microsecond. */
const SEARCH_SPEED = 1_000;

/** Finds the issues of all placeholders in a request that follows a task or a batch. */
export function* placeholderSteps(request: unknown, root: "task" | "batch"): Steps<Issue[]> {
  const issues: Issue[] = [];
  let count = 0;
  let braces = 0;
  yield* visit(request, []);
  return issues;

  function* visit(value: unknown, path: readonly PropertyKey[]): Steps<void> {
    if (value instanceof ExactJson) yield* visit(value.text, path);
    else if (typeof value === "string") {
      for (const [, inner = ""] of value.matchAll(CANDIDATE)) {
        if (issues.length >= MAX_ISSUES || count > MAX_PLACEHOLDERS) return;
        if (++count > MAX_PLACEHOLDERS) {
          const detail = `Expected at most ${MAX_PLACEHOLDERS} placeholders in one follow-up`;
          issues.push({ pointer: pointerTo(path), detail });
          return;
        }
        const detail = wrongWith(inner.replaceAll("%20", " ").trimEnd(), root);
        if (detail !== undefined) issues.push({ pointer: pointerTo(path), detail });
        yield 1;
      }
      for (let at = value.indexOf(BRACE); at >= 0; at = value.indexOf(BRACE, at + BRACE.length)) {
        if (++braces > MAX_BRACES) {
          const detail = `Expected at most ${MAX_BRACES} escaped braces in one follow-up`;
          issues.push({ pointer: pointerTo(path), detail });
          return;
        }
      }
      yield value.length / SEARCH_SPEED;
    } else if (typeof value === "object" && value !== null) {
      for (const [name, member] of Object.entries(value)) {
        yield* visit(member, [...path, name]);
      }
    }
  }
}

function wrongWith(placeholder: string, root: "task" | "batch"): string | undefined {
  const [, given, rest = ""] = PATH.exec(placeholder) ?? [];
  if (given === undefined) {
    return `Expected a placeholder with a path only, such as {{${root}.id}}, not {{${placeholder}}}`;
  }
  if (given !== root) return `Expected a placeholder of the ${root}, not {{${placeholder}}}`;
  let paths: Paths = ROOTS[root];
  for (const name of rest.slice(1).split(".")) {
    if (paths === true) return undefined;
    const next: Paths | undefined = Object.hasOwn(paths, name) ? paths[name] : paths["*"];
    if (next === undefined) {
      const names = Object.keys(paths).join(", ");
      const expected = names === "" ? "nothing after the one before" : `one of ${names}`;
      return `Expected a placeholder that exists, not {{${placeholder}}}: for ${name}, expected ${expected}`;
    }
    paths = next;
  }
  return undefined;
}
