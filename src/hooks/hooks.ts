/**
 * Receives inbound webhooks: verifies them, maps them, and stores each together with
 * its tasks.
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
import { openTokenBuckets } from "../lib/token_bucket.ts";
import { challengeOf, keyOf } from "./preset.ts";
import { isGenuine } from "./signature.ts";

/** What a receiver needs. */
export interface HookParts {
  /** Stores deliveries and tasks. */
  readonly engine: QueueEngine;
  /** Makes ids. */
  readonly ids: IdSource;
  /** The time. */
  readonly clock: Clock;
  /** The hooks of the current configuration. */
  readonly hooks: () => Hooks;
  /** Parses mapped bodies into tasks. */
  readonly acceptance: SubmitParser;
}

/** A delivery as received. */
export interface Incoming {
  /** The request's headers. */
  readonly headers: Headers;
  /** The unchanged bytes. */
  readonly body: Uint8Array<ArrayBuffer>;
  /** The request's id, stored with the tasks. */
  readonly requestId: string;
}

/** The result of a delivery or a replay. */
export type Received =
  | {
    readonly kind: "stored";
    /** As stored. */
    readonly delivery: StoredDelivery;
    /** It was stored earlier, and nothing was done now. */
    readonly duplicate?: true;
  }
  /** The sender verifies the URL: it expects this value in the response. */
  | { readonly kind: "challenge"; readonly word: string }
  /** The signature or token is wrong or missing. */
  | { readonly kind: "forged" }
  /** The hook's rate is exceeded. */
  | { readonly kind: "limited"; readonly retryAfterMs: number }
  /** The engine has no room for it. */
  | { readonly kind: "refused"; readonly code: "queue_full" | "storage_full" }
  | { readonly kind: "not_found" };

/** Receives and replays deliveries. */
export interface HookReceiver {
  /** A hook of the current configuration. */
  find(name: string): Hook | undefined;
  /** All hooks of the current configuration. */
  list(): readonly Hook[];
  /** Verifies a delivery, maps it, and stores it with its tasks. */
  receive(hook: Hook, incoming: Incoming): Promise<Received>;
  /** Maps a stored delivery again with the current configuration. */
  replay(hook: Hook, id: string, requestId: string): Promise<Received>;
}

/** Opens the receiver. */
export function openHooks({ engine, ids, clock, hooks, acceptance }: HookParts): HookReceiver {
  const take = openTokenBuckets(clock);
  const decoder = new TextDecoder();

  function evaluated(
    hook: Hook,
    content: DeliveryContent,
    id: string,
    requestId: string,
  ): Evaluation {
    const context = { ids, now: clock.now(), requestId };
    return evaluate(hook, content, { acceptance, context, deliveryId: id });
  }

  return {
    find: (name) => hooks().get(name),
    list: () => [...hooks().values()],
    async receive(hook, { headers, body, requestId }) {
      const now = clock.now();
      if (!isGenuine(hook.preset, hook.secrets, { headers, body }, now)) return { kind: "forged" };
      const retryAfterMs = take(hook.name, hook.rate).waitMs;
      if (retryAfterMs > 0) return { kind: "limited", retryAfterMs };
      const id = ids("hkd");
      const content = { headers: plainHeaders(headers), body: decoder.decode(body) };
      const payload = payloadOf(content);
      const word = challengeOf(hook.preset, payload);
      if (word !== undefined) return { kind: "challenge", word };
      const { senderId, key, keptMs } = keyOf(hook.preset, headers, payload, body);
      const { verdict, drafts } = evaluated(hook, content, id, requestId);
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
      const { verdict, drafts } = evaluated(hook, JSON.parse(kept.content), id, requestId);
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

/** The payload, or null when it cannot be parsed; the verdict then says why. */
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
