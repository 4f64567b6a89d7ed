/**
 * Evaluates a delivery: parses it, filters it, and maps it to tasks.
 *
 * @module
 */

import { parseExact } from "../lib/exact_json.ts";
import type { SubmitParser } from "../task/input/parse_submit.ts";
import { looksSecret } from "../task/secrets.ts";
import type { Draft, SubmitContext } from "../task/input/new_task.ts";
import type { Json } from "../task/task.ts";
import type { Scope } from "../templates/liquid.ts";
import { TemplateError } from "../templates/liquid.ts";
import type { Hook } from "./hook_settings.ts";
import { MappingError } from "./mapping.ts";
import { eventOf } from "./preset.ts";

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

/** Parses a body: JSON, or a form whose field `payload` is JSON. Throws a `RangeError`. */
export function readPayload({ headers, body }: DeliveryContent): Json {
  const isForm = /^application\/x-www-form-urlencoded\b/i.test(headers["content-type"] ?? "");
  const form = isForm ? new URLSearchParams(body) : undefined;
  const text = form ? form.get("payload") : body;
  if (text === null) return Object.fromEntries(form ?? []);
  try {
    return parseExact(text);
  } catch {
    throw new RangeError("Expected a body of JSON, or a form with the field payload");
  }
}

/** Evaluates a delivery with the current configuration of its hook. */
export function evaluate(
  hook: Hook,
  content: DeliveryContent,
  { acceptance, context, deliveryId }: {
    readonly acceptance: SubmitParser;
    readonly context: SubmitContext;
    readonly deliveryId: string;
  },
): Evaluation {
  let event: string | undefined;
  const named = () => (event === undefined ? {} : { event });
  try {
    const payload = readPayload(content);
    const headers = { get: (name: string) => content.headers[name] ?? null };
    event = eventOf(hook.preset, headers, payload);
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
    const drafts = hook.tasks.map(({ type, mapping }, index) =>
      drafted(acceptance[type](mapping.fill(scope), context), type, index)
    );
    return { verdict: { kind: "accepted", ...named() }, drafts: joined(drafts) };
  } catch (error) {
    return { verdict: { kind: "failed", ...named(), error: errorOf(error) }, drafts: [] };
  }
}

function drafted(
  made: ReturnType<SubmitParser["notify"]>,
  type: string,
  index: number,
): Draft {
  if (!made.issues) return made.value;
  const [issue, ...more] = made.issues;
  const detail = `${issue?.detail ?? ""}${more.length > 0 ? ` (and ${more.length} more)` : ""}`;
  throw new MappingError(`/${index}/${type}${issue?.pointer ?? ""}`, detail);
}

/** Several drafts become single tasks, because one insert can store only one batch. */
function joined(drafts: readonly Draft[]): readonly Draft[] {
  if (drafts.length === 1) return drafts;
  return drafts.map(({ drafted, batch }, index) => {
    if (batch?.followUps?.length) {
      throw new MappingError(
        `/${index}`,
        "Expected a batch with callback or onComplete to be the only task of the hook",
      );
    }
    return {
      drafted: drafted.map(({ task: { batchId: _, ...task }, payload }) => ({ task, payload })),
    };
  });
}

function errorOf(error: unknown): NonNullable<Verdict["error"]> {
  if (error instanceof MappingError) return { detail: error.message, pointer: error.pointer };
  if (error instanceof RangeError) return { detail: error.message };
  if (error instanceof TemplateError) return { detail: error.message, pointer: "/filter" };
  throw error;
}
