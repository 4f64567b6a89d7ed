/**
 * The section `hooks` of `postrider.yaml`.
 *
 * @module
 */

import { compact } from "../lib/compact.ts";
import { isPlainObject, type PlainObject } from "../task/input/batch_input.ts";
import { type Issue, type Parsed, UNKNOWN_FIELD } from "../task/issues.ts";
import { pointerTo } from "../lib/json.ts";
import { EXPECTED_NAME, isName } from "../lib/names.ts";
import { fetchSchema } from "../task/input/fetch.ts";
import { notifySchema } from "../task/input/notify.ts";
import { parseRate, type Rate } from "../lib/rate_text.ts";
import type { Json, TaskType } from "../task/task.ts";
import { type Condition, parseCondition, TemplateError } from "../templates/liquid.ts";
import { type Mapping, parseMapping } from "./mapping.ts";
import { fieldsOf, type HookPreset, parsePreset } from "./table.ts";

/** A hook as `postrider.yaml` defines it. */
export interface Hook {
  /** The last part of its path. */
  readonly name: string;
  /** How the sender signs and identifies its deliveries. */
  readonly preset: HookPreset;
  /** A delivery must verify with one of these. */
  readonly secrets: readonly string[];
  /** Which deliveries become tasks; absent: all. */
  readonly filter?: Condition;
  /** The largest number of deliveries per time. */
  readonly rate: Rate;
  /** The largest body of a delivery, in bytes. */
  readonly maxBytes: number;
  /** The tasks that each delivery creates. */
  readonly tasks: readonly HookTask[];
}

/** One submit that a delivery is mapped to. */
export interface HookTask {
  /** Which kind of submit. */
  readonly type: TaskType;
  /** The submit's body, with placeholders. */
  readonly mapping: Mapping;
  /** Where the body is in the hook. */
  readonly at: readonly (string | number)[];
}

/** Hooks by name. */
export type Hooks = ReadonlyMap<string, Hook>;

/** Reads a file that holds a secret; throws when that fails. */
export type ReadSecret = (path: string) => string;

const DEFAULT_RATE: Rate = { count: 600, windowMs: 60_000 };
const DEFAULT_BYTES = 2 ** 20;
const MAX_BYTES = 32 * 2 ** 20;
const MIN_SECRET = 8;
const FIELDS = [
  "preset",
  "secret",
  "secrets",
  "filter",
  "rate",
  "maxBytes",
  "notify",
  "fetch",
  "tasks",
];
const EXPECTED = {
  section: "Expected hooks by name, each an object",
  secret: `Expected a string of at least ${MIN_SECRET} characters, or {file: PATH}`,
  noSecret: "Expected no secret: with topic, the signature of the sender is verified",
  secrets: "Expected either secret, or secrets (a list)",
  rate: `Expected a number per duration such as "600/1m"`,
  maxBytes: `Expected a whole number of bytes from 1 to ${MAX_BYTES}`,
  tasks: "Expected notify, fetch, or tasks (a list of them)",
  task: "Expected {notify: {…}} or {fetch: {…}}",
};

/** Parses the section; the pointer of a fault is relative to it. */
export function parseHooks(value: unknown, readSecret: ReadSecret): Parsed<Hooks> {
  if (!isPlainObject(value)) return { issues: [{ pointer: "", detail: EXPECTED.section }] };
  const issues: Issue[] = [];
  const hooks = new Map<string, Hook>();
  for (const [name, given] of Object.entries(value)) {
    if (!isName(name)) issues.push({ pointer: pointerTo([name]), detail: EXPECTED_NAME });
    else if (!isPlainObject(given)) {
      issues.push({ pointer: pointerTo([name]), detail: EXPECTED.section });
    } else {
      const found: Issue[] = [];
      const hook = readHook(name, given, readSecret, found);
      issues.push(...found.map((f) => ({ ...f, pointer: pointerTo([name]) + f.pointer })));
      if (hook) hooks.set(name, hook);
    }
  }
  return issues.length > 0 ? { issues } : { value: hooks };
}

function readHook(
  name: string,
  given: PlainObject,
  readSecret: ReadSecret,
  issues: Issue[],
): Hook | undefined {
  const wrong = (detail: string, ...path: (string | number)[]) => {
    issues.push({ pointer: pointerTo(path), detail });
  };
  const preset = parsePreset(given, issues);
  const known = [...FIELDS, ...preset ? fieldsOf(preset.name) : []];
  for (const field of Object.keys(given)) {
    if (preset && !known.includes(field)) wrong(UNKNOWN_FIELD, field);
  }
  const secrets = preset?.sender.certificateUrlOf
    ? refuseSecrets(given, wrong)
    : readSecrets(given, readSecret, wrong);
  const filter = given.filter === undefined ? undefined : readFilter(given.filter, wrong);
  const rate = given.rate === undefined ? DEFAULT_RATE : readRate(given.rate, wrong);
  const { maxBytes = DEFAULT_BYTES } = given;
  const isSize = Number.isInteger(maxBytes) && Number(maxBytes) > 0;
  if (!isSize || Number(maxBytes) > MAX_BYTES) wrong(EXPECTED.maxBytes, "maxBytes");
  const tasks = readTasks(given, issues, wrong);
  if (issues.length > 0 || !preset) return undefined;
  return {
    name,
    preset,
    secrets,
    rate,
    maxBytes: Number(maxBytes),
    tasks,
    ...compact({ filter }),
  };
}

/** Adds an issue at a path in the hook. */
type AddIssue = (detail: string, ...path: (string | number)[]) => void;

function readSecrets(given: PlainObject, readSecret: ReadSecret, wrong: AddIssue): string[] {
  const isOne = given.secret !== undefined;
  const list = isOne ? [given.secret] : given.secrets;
  if (!Array.isArray(list) || list.length === 0 || (isOne && given.secrets !== undefined)) {
    wrong(EXPECTED.secrets, isOne ? "secrets" : "secret");
    return [];
  }
  return list.flatMap((one, index) => {
    const path = isOne ? ["secret"] : ["secrets", index];
    try {
      const text = isPlainObject(one) && typeof one.file === "string"
        ? readSecret(one.file).trim()
        : one;
      if (typeof text === "string" && text.length >= MIN_SECRET) return [text];
      wrong(EXPECTED.secret, ...path);
    } catch (error) {
      wrong(
        `Expected a readable file: ${error instanceof Error ? error.message : error}`,
        ...path,
      );
    }
    return [];
  });
}

/** Refuses secrets for a sender that signs with a certificate. */
function refuseSecrets(given: PlainObject, wrong: AddIssue): string[] {
  for (const name of ["secret", "secrets"]) {
    if (given[name] !== undefined) wrong(EXPECTED.noSecret, name);
  }
  return [];
}

function readFilter(value: unknown, wrong: AddIssue): Condition | undefined {
  try {
    return parseCondition(typeof value === "string" ? value : "");
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    wrong(`Expected a condition such as event == "push": ${error.message}`, "filter");
    return undefined;
  }
}

function readRate(value: unknown, wrong: AddIssue): Rate {
  try {
    return parseRate(String(value));
  } catch {
    wrong(EXPECTED.rate, "rate");
    return DEFAULT_RATE;
  }
}

/** A submit in a hook, before its body is checked. */
interface Asked {
  readonly at: readonly (string | number)[];
  readonly type: TaskType;
  readonly body: unknown;
}

function readTasks(given: PlainObject, issues: Issue[], wrong: AddIssue): HookTask[] {
  const { notify, fetch, tasks } = given;
  const own: Asked[] = [
    ...(notify === undefined ? [] : [{ at: ["notify"], type: "notify" as const, body: notify }]),
    ...(fetch === undefined ? [] : [{ at: ["fetch"], type: "fetch" as const, body: fetch }]),
  ];
  if (tasks !== undefined && !Array.isArray(tasks)) wrong(EXPECTED.tasks, "tasks");
  const listed = (Array.isArray(tasks) ? tasks : []).flatMap((entry: unknown, index): Asked[] => {
    const [type, ...more] = isPlainObject(entry) ? Object.keys(entry) : [];
    if (!isPlainObject(entry) || more.length > 0 || (type !== "notify" && type !== "fetch")) {
      wrong(EXPECTED.task, "tasks", index);
      return [];
    }
    return [{ at: ["tasks", index, type], type, body: entry[type] }];
  });
  const all = [...own, ...listed];
  if (all.length === 0) wrong(EXPECTED.tasks, "tasks");
  return all.map(({ at, type, body }) => {
    if (!isPlainObject(body)) wrong(EXPECTED.task, ...at);
    else checkFields(type, body, at, wrong);
    return { type, at, mapping: parseMapping(body as Json, { type, at }, issues) };
  });
}

/** Fields of a batch, which the schemas of a single submit do not have. */
const BATCH_FIELDS = ["notifications", "requests", "urls", "onComplete", "concurrency"];

/** Checks the field names only: most values depend on the payload of a delivery. */
function checkFields(
  type: TaskType,
  body: PlainObject,
  at: readonly (string | number)[],
  wrong: AddIssue,
): void {
  const { properties } = (type === "notify" ? notifySchema : fetchSchema) as { properties: object };
  for (const field of Object.keys(body)) {
    if (!Object.hasOwn(properties, field) && !BATCH_FIELDS.includes(field)) {
      wrong(UNKNOWN_FIELD, ...at, field);
    }
  }
}
