/**
 * Evaluates a delivery: parses it, filters it, and maps it to tasks.
 *
 * @module
 */

import type { SubmitParser } from "../task/input/parse_submit.ts";
import { looksSecret } from "../task/secrets.ts";
import type { Draft, SubmitContext } from "../task/input/new_task.ts";
import { parseWithNumbers } from "../lib/json/exact_json.ts";
import { isNestedDeeper, pointerTo } from "../lib/json.ts";
import type { Issue } from "../task/issues.ts";
import type { Json } from "../task/task.ts";
import type { Scope } from "../templates/liquid.ts";
import { TemplateError } from "../templates/liquid.ts";
import type { Hook } from "./hook_settings.ts";
import { MappingError } from "./mapping.ts";
import { eventOf } from "./preset.ts";
import type { HookPreset } from "./table.ts";

/** Deepest nesting of arrays and objects; deeper JSON would block the event loop for long. */
const MAX_DEPTH = 64;

/** What is stored of a delivery. */
export interface DeliveryContent {
  /** Names in lower case, without headers that hold a secret. */
  readonly headers: Readonly<Record<string, string>>;
  /** The body as text. */
  readonly body: string;
}

/** The result of a delivery, as stored and listed. */
export interface Verdict {
  /**
   * `accepted`: tasks were created. `filtered`: the hook's filter excluded it.
   * `failed`: it could not be mapped; fix the mapping and replay it.
   */
  readonly kind: "accepted" | "filtered" | "failed";
  /** The sender's name of the event. */
  readonly event?: string;
  /** The sender's id of the delivery. */
  readonly senderId?: string;
  /** The tasks that it created, including those of replays. */
  readonly tasks: readonly string[];
  /** Why it failed. */
  readonly error?: { readonly detail: string; readonly pointer?: string };
  /** The number of replays. */
  readonly replays?: number;
}

/** The result of evaluating a delivery, before anything is stored. */
export interface Evaluation {
  /** Without the ids of the tasks. */
  readonly verdict: Pick<Verdict, "kind" | "event" | "error">;
  /** The tasks to create. */
  readonly drafts: readonly Draft[];
}

/** The headers that may be stored and used in mappings. */
export function plainHeaders(headers: Iterable<[string, string]>): Record<string, string> {
  return Object.fromEntries(
    [...headers].map(([name, value]) => [name.toLowerCase(), value] as const)
      .filter(([name]) => !looksSecret(name)),
  );
}

/**
 * Parses a body: JSON, or a form whose field `payload` is JSON. Large numbers stay exact.
 * Throws a `RangeError`.
 */
export function readPayload({ sender }: HookPreset, { headers, body }: DeliveryContent): Json {
  const isForm = /^application\/x-www-form-urlencoded\b/i.test(headers["content-type"] ?? "");
  const form = isForm ? new URLSearchParams(body) : undefined;
  const text = form ? form.get("payload") : body;
  if (text === null) return Object.fromEntries(form ?? []);
  if (isNestedDeeper(text, MAX_DEPTH)) {
    throw new RangeError(`Expected arrays and objects nested at most ${MAX_DEPTH} deep`);
  }
  try {
    const json = parseWithNumbers(text);
    return sender.payloadOf ? sender.payloadOf(json) : json;
  } catch {
    throw new RangeError("Expected a body of JSON, or a form with the field payload");
  }
}

/** Evaluates a delivery with the current configuration of its hook. */
export function evaluate(
  hook: Hook,
  content: DeliveryContent,
  { acceptance, context, deliveryId, payloadOf = () => readPayload(hook.preset, content) }: {
    readonly acceptance: SubmitParser;
    readonly context: SubmitContext;
    readonly deliveryId: string;
    /** Returns the payload, if the caller has parsed it; throws its `RangeError`. */
    readonly payloadOf?: () => Json;
  },
): Evaluation {
  let event: string | undefined;
  const named = () => (event === undefined ? {} : { event });
  try {
    const { sender } = hook.preset;
    const payload = payloadOf();
    const headers = { get: (name: string) => content.headers[name] ?? null };
    event = eventOf(sender, headers, payload);
    const confirmation = sender.confirmationOf?.(payload);
    if (confirmation !== undefined) {
      const draft = draftOf(acceptance.fetch({ url: confirmation }, context), []);
      return { verdict: { kind: "accepted", ...named() }, drafts: [draft] };
    }
    const scope: Scope = {
      payload,
      headers: { ...content.headers },
      event: event ?? "",
      hook: hook.name,
      delivery: deliveryId,
    };
    if (hook.filter && !hook.filter.holds(scope)) {
      return { verdict: { kind: "filtered", ...named() }, drafts: [] };
    }
    const drafts = hook.tasks.map(({ type, at, mapping }) =>
      draftOf(acceptance[type](mapping.fill(scope), context), at)
    );
    return { verdict: { kind: "accepted", ...named() }, drafts: joined(hook, drafts) };
  } catch (error) {
    return { verdict: { kind: "failed", ...named(), error: errorOf(error) }, drafts: [] };
  }
}

function draftOf(
  made: ReturnType<SubmitParser["notify"]>,
  at: readonly (string | number)[],
): Draft {
  if (!made.issues) return made.value;
  const [issue, ...more] = made.issues;
  const detail = `${issue?.detail ?? ""}${more.length > 0 ? ` (and ${more.length} more)` : ""}`;
  throw new MappingError(`${pointerTo(at)}${issue?.pointer ?? ""}`, detail);
}

/** Several drafts become single tasks, because one insert can store only one batch. */
function joined({ tasks }: Hook, drafts: readonly Draft[]): readonly Draft[] {
  if (drafts.length === 1) return drafts;
  return drafts.map(({ drafted, batch }, index) => {
    if (batch?.followUps?.length) {
      throw new MappingError(
        pointerTo(tasks[index]?.at ?? []),
        "Expected a batch with callback or onComplete to be the only task of the hook",
      );
    }
    return {
      drafted: drafted.map(({ task: { batchId: _, ...task }, payload }) => ({ task, payload })),
    };
  });
}

/**
 * What can never work in a hook, whatever is delivered: its tasks are parsed with stand-ins
 * for all values, and issues that depend on a value are left out.
 */
export function checkHook(
  { tasks }: Hook,
  acceptance: SubmitParser,
  context: SubmitContext,
): Issue[] {
  return tasks.flatMap(({ type, at, mapping }) => {
    const open = new Map<string, string>();
    const { issues = [] } = acceptance[type](mapping.sample(open), context);
    return issues.filter((issue) => isCertain(issue, open))
      .map((issue) => ({ ...issue, pointer: pointerTo(at) + issue.pointer }));
  });
}

/** A URL whose host has no values in it. */
const FIXED_HOST = /^\s*[a-z][a-z0-9+.-]*:\/\/[^{/?#]+(?:[/?#]|$)/i;

function isCertain({ pointer, code }: Issue, open: ReadonlyMap<string, string>): boolean {
  const text = open.get(pointer);
  if (text !== undefined) return code === "address_refused" && FIXED_HOST.test(text);
  return ![...open.keys()].some((one) =>
    one.startsWith(`${pointer}/`) || pointer.startsWith(`${one}/`)
  );
}

function errorOf(error: unknown): NonNullable<Verdict["error"]> {
  if (error instanceof MappingError) return { detail: error.message, pointer: error.pointer };
  if (error instanceof RangeError) return { detail: error.message };
  if (error instanceof TemplateError) return { detail: error.message, pointer: "/filter" };
  throw error;
}
