/**
 * What a delivery of a hook comes to: read, filtered, mapped to tasks.
 *
 * @module
 */

import type { SubmitParser } from "../task/input/parse_submit.ts";
import { looksSecret } from "../task/secrets.ts";
import type { Draft, SubmitContext } from "../task/input/new_task.ts";
import type { Json } from "../task/task.ts";
import type { Scope } from "../templates/liquid.ts";
import { TemplateError } from "../templates/liquid.ts";
import type { Hook } from "./hook_settings.ts";
import { MappingError } from "./mapping.ts";
import { eventOf } from "./preset.ts";

/** A delivery as it is kept. */
export interface DeliveryContent {
  /** Names in lower case; none that holds a secret. */
  readonly headers: Readonly<Record<string, string>>;
  /** As text. */
  readonly body: string;
}

/** What became of a delivery; kept, and listed. */
export interface Verdict {
  /**
   * `accepted`: tasks were made. `filtered`: the hook's filter did not let it
   * through. `failed`: it could not be mapped; mend the mapping and replay it.
   */
  readonly kind: "accepted" | "filtered" | "failed";
  /** What it is about, as the sender says. */
  readonly event?: string;
  /** The sender's own id. */
  readonly senderId?: string;
  /** The tasks that were made of it, replays included. */
  readonly tasks: readonly string[];
  /** Why it failed. */
  readonly error?: { readonly detail: string; readonly pointer?: string };
  /** How often it was replayed. */
  readonly replays?: number;
}

/** What a delivery comes to, before anything is stored. */
export interface Evaluation {
  /** Without its tasks' ids. */
  readonly verdict: Pick<Verdict, "kind" | "event" | "error">;
  /** What is to be made. */
  readonly drafts: readonly Draft[];
}

/** The headers that may be kept and spoken of. */
export function plainHeaders(headers: Iterable<[string, string]>): Record<string, string> {
  return Object.fromEntries(
    [...headers].map(([name, value]) => [name.toLowerCase(), value] as const)
      .filter(([name]) => !looksSecret(name)),
  );
}

/** Reads a body: JSON, or a form whose field `payload` is JSON. Throws a `RangeError`. */
export function readPayload({ headers, body }: DeliveryContent): Json {
  const isForm = /^application\/x-www-form-urlencoded\b/i.test(headers["content-type"] ?? "");
  const form = isForm ? new URLSearchParams(body) : undefined;
  const text = form ? form.get("payload") : body;
  if (text === null) return Object.fromEntries(form ?? []);
  try {
    return JSON.parse(text);
  } catch {
    throw new RangeError("Expected a body of JSON, or a form with the field payload");
  }
}

/** Judges a delivery by the hook as it now is. */
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
  const told = () => (event === undefined ? {} : { event });
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
      return { verdict: { kind: "filtered", ...told() }, drafts: [] };
    }
    const drafts = hook.tasks.map(({ type, mapping }, index) =>
      drafted(acceptance[type](mapping.fill(scope), context), type, index)
    );
    return { verdict: { kind: "accepted", ...told() }, drafts: joined(drafts) };
  } catch (error) {
    return { verdict: { kind: "failed", ...told(), error: errorOf(error) }, drafts: [] };
  }
}

function drafted(
  made: ReturnType<SubmitParser["notify"]>,
  type: string,
  index: number,
): Draft {
  if (!made.faults) return made.value;
  const [fault, ...more] = made.faults;
  const detail = `${fault?.detail ?? ""}${more.length > 0 ? ` (and ${more.length} more)` : ""}`;
  throw new MappingError(`/${index}/${type}${fault?.pointer ?? ""}`, detail);
}

/** Several at once are tasks of their own: only one batch can be stored at a time. */
function joined(drafts: readonly Draft[]): readonly Draft[] {
  if (drafts.length === 1) return drafts;
  return drafts.map(({ drafted, batch }, index) => {
    if (batch?.followers?.length) {
      throw new MappingError(`/${index}`, "Expected a batch that is told of to stand alone");
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
