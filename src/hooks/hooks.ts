/**
 * Inbound webhooks: verified, mapped, and kept together with their tasks.
 *
 * @module
 */

import { compact } from "../lib/compact.ts";
import type { Clock } from "../lib/clock.ts";
import type { IdSource } from "../lib/ids.ts";
import type { Inserted, QueueEngine } from "../queue/engine.ts";
import type { SubmitParser } from "../task/input/parse_submit.ts";
import type { Json } from "../task/task.ts";
import type { StoredDelivery } from "../task/trigger.ts";
import {
  type DeliveryContent,
  evaluate,
  type Evaluation,
  plainHeaders,
  readPayload,
  type Verdict,
} from "./receive.ts";
import type { Hook, Hooks } from "./hook_settings.ts";
import { openLimiter } from "./keyed_limiter.ts";
import { challengeOf, keyOf } from "./preset.ts";
import { isGenuine } from "./signature.ts";

/** What hooks work with. */
export interface HookParts {
  /** Keeps deliveries and tasks. */
  readonly engine: QueueEngine;
  /** Makes ids. */
  readonly ids: IdSource;
  /** Tells the time. */
  readonly clock: Clock;
  /** The hooks as they now are. */
  readonly hooks: () => Hooks;
  /** Makes tasks of mapped bodies. */
  readonly acceptance: SubmitParser;
}

/** A delivery as it came. */
export interface Incoming {
  /** Of the request. */
  readonly headers: Headers;
  /** Not one byte changed. */
  readonly body: Uint8Array<ArrayBuffer>;
  /** The call's id, kept with the tasks. */
  readonly requestId: string;
}

/** What became of a delivery, or of its replay. */
export type Received =
  | {
    readonly kind: "stored";
    /** As it is kept. */
    readonly delivery: StoredDelivery;
    /** It had been stored before. */
    readonly duplicate?: true;
  }
  /** A sender asks, once, whether this is its receiver: it wants this word back. */
  | { readonly kind: "challenge"; readonly word: string }
  /** Nobody vouches for it, whatever the cause. */
  | { readonly kind: "forged" }
  /** Too many in too short a time. */
  | { readonly kind: "limited"; readonly retryAfterMs: number }
  /** The engine could not take it. */
  | { readonly kind: "refused"; readonly code: "queue_full" | "storage_full" }
  | { readonly kind: "not_found" };

/** Where deliveries are received, and replayed. */
export interface HookReceiver {
  /** A hook as it now is. */
  find(name: string): Hook | undefined;
  /** All hooks, by name. */
  list(): readonly Hook[];
  /** Verifies a delivery, maps it, and keeps it with its tasks. */
  receive(hook: Hook, incoming: Incoming): Promise<Received>;
  /** Makes tasks of a kept delivery once more, by the hook as it now is. */
  replay(hook: Hook, id: string, requestId: string): Promise<Received>;
}

/** Opens the desk. */
export function openHooks({ engine, ids, clock, hooks, acceptance }: HookParts): HookReceiver {
  const take = openLimiter(clock);
  const decoder = new TextDecoder();

  function judged(hook: Hook, content: DeliveryContent, id: string, requestId: string): Evaluation {
    const context = { ids, now: clock.now(), requestId };
    return evaluate(hook, content, { acceptance, context, deliveryId: id });
  }

  return {
    find: (name) => hooks().get(name),
    list: () => [...hooks().values()],
    async receive(hook, { headers, body, requestId }) {
      const now = clock.now();
      if (!isGenuine(hook.preset, hook.secrets, { headers, body }, now)) return { kind: "forged" };
      const retryAfterMs = take(hook.name, hook.rate);
      if (retryAfterMs > 0) return { kind: "limited", retryAfterMs };
      const id = ids("hkd");
      const content = { headers: plainHeaders(headers), body: decoder.decode(body) };
      const payload = payloadOf(content);
      const word = challengeOf(hook.preset, payload);
      if (word !== undefined) return { kind: "challenge", word };
      const { senderId, key, keptMs } = keyOf(hook.preset, headers, payload, body);
      const { verdict, drafts } = judged(hook, content, id, requestId);
      const tasks = drafts.flatMap(({ drafted }) => drafted.map(({ task }) => task));
      const whole: Verdict = {
        ...verdict,
        ...compact({ senderId }),
        tasks: tasks.map((task) => task.id),
      };
      const delivery = deliveryOf(hook.name, id, now, whole, JSON.stringify(content));
      const inserted = await engine.insert({
        tasks,
        delivery,
        idempotency: {
          scope: `hook ${hook.name}`,
          key,
          fingerprint: "",
          expiresAt: now + keptMs,
        },
        ...batchOf(drafts),
      });
      if (inserted.kind !== "replayed") return received(inserted, delivery);
      const first = await engine.findDelivery(inserted.id);
      return { kind: "stored", delivery: first ?? delivery, duplicate: true };
    },
    async replay(hook, id, requestId) {
      const kept = await engine.findDelivery(id);
      if (kept?.hook !== hook.name) return { kind: "not_found" };
      const before = kept.verdict as unknown as Verdict;
      const { verdict, drafts } = judged(hook, JSON.parse(kept.content), id, requestId);
      const tasks = drafts.flatMap(({ drafted }) => drafted.map(({ task }) => task));
      const whole: Verdict = {
        ...verdict,
        ...compact({ senderId: before.senderId }),
        tasks: [...before.tasks, ...tasks.map((task) => task.id)],
        replays: (before.replays ?? 0) + 1,
      };
      const delivery = { ...kept, verdict: whole as unknown as Json };
      return received(await engine.insert({ tasks, delivery, ...batchOf(drafts) }), delivery);
    },
  };
}

/** What cannot be read has no id of its sender; the verdict tells why. */
function payloadOf(content: DeliveryContent): Json {
  try {
    return readPayload(content);
  } catch {
    return null;
  }
}

function batchOf(drafts: Evaluation["drafts"]) {
  const batch = drafts[0]?.batch;
  return batch ? { batch } : {};
}

function deliveryOf(
  hook: string,
  id: string,
  receivedAt: number,
  verdict: Verdict,
  content: string,
): StoredDelivery {
  return { id, hook, receivedAt, verdict: verdict as unknown as Json, content };
}

function received(inserted: Inserted, delivery: StoredDelivery): Received {
  return inserted.kind === "refused"
    ? { kind: "refused", code: inserted.code }
    : { kind: "stored", delivery };
}
