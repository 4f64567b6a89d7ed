/**
 * Receives inbound webhooks: verifies them, maps them, and stores each together with
 * its tasks.
 *
 * @module
 */

import { compact } from "../lib/compact.ts";
import type { Clock } from "../lib/clock.ts";
import type { IdSource } from "../lib/ids.ts";
import type { Log } from "../lib/log.ts";
import type { HookVerdict, Metrics } from "../lib/metrics.ts";
import type { Idempotency, Inserted, QueueEngine } from "../queue/engine.ts";
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
} from "./evaluate.ts";
import type { Hook, Hooks } from "./hook_settings.ts";
import { sampleLines } from "../lib/sampled_log.ts";
import { openTokenBuckets } from "../lib/token_bucket.ts";
import { type FetchCertificate, openCertificates } from "./certificates.ts";
import { keyOf, type RawDelivery } from "./preset.ts";

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
  /** Receives a line for deliveries that did not verify or could not be mapped. */
  readonly log: Log;
  /** Counts deliveries by verdict. */
  readonly metrics: Metrics;
  /** Aborts when the service ends. */
  readonly ending?: AbortSignal;
  /** Fetches the certificates of senders that sign with one. */
  readonly fetchCertificate?: FetchCertificate;
}

/** When a sender may repeat a delivery whose certificate could not be fetched, in milliseconds. */
const CERTIFICATE_MS = 30_000;

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
  | { readonly kind: "challenge"; readonly value: string }
  /** The signature or token is wrong or missing. */
  | { readonly kind: "forged" }
  /** The hook's rate is exceeded. */
  | { readonly kind: "limited"; readonly retryAfterMs: number }
  /** The engine has no room for it. */
  | { readonly kind: "refused"; readonly code: "queue_full" | "storage_full" }
  | { readonly kind: "not_found" };

/** What a stored delivery would create. */
export interface DeliveryPreview {
  /** As stored. */
  readonly delivery: StoredDelivery;
  /** What the sender sent. */
  readonly content: DeliveryContent;
  /** What the current configuration makes of it. */
  readonly evaluation: Evaluation;
}

/** Receives, shows and replays deliveries. */
export interface HookReceiver {
  /** A hook of the current configuration. */
  find(name: string): Hook | undefined;
  /** All hooks of the current configuration. */
  list(): readonly Hook[];
  /** Verifies a delivery, maps it, and stores it with its tasks. */
  receive(hook: Hook, incoming: Incoming): Promise<Received>;
  /** A stored delivery, and what the current configuration would make of it; stores nothing. */
  preview(hook: Hook, id: string): Promise<DeliveryPreview | undefined>;
  /** Maps a stored delivery again with the current configuration. */
  replay(hook: Hook, id: string, requestId: string): Promise<Received>;
}

/** Opens the receiver. */
export function openHooks(parts: HookParts): HookReceiver {
  const { engine, ids, clock, hooks, acceptance, log, metrics, ending } = parts;
  const take = engine.cluster?.takeToken.bind(engine.cluster) ?? openTokenBuckets(clock);
  const warn = sampleLines(log, clock, ending);
  const decoder = new TextDecoder();
  const unreachable = () =>
    Promise.reject(new Error("Cannot fetch certificates: the service has not set how"));
  const certificates = openCertificates(
    parts.fetchCertificate ?? unreachable,
    clock,
    (url, reason) => {
      const message = "Cannot fetch the certificate of signed hook deliveries: they are refused";
      warn("certificate", message, { url, reason });
    },
  );
  function evaluated(
    hook: Hook,
    content: DeliveryContent,
    id: string,
    requestId: string,
    payloadOf?: () => Json,
  ): Evaluation {
    const source = `hook:${hook.name}`;
    const context = { ids, now: clock.now(), requestId, source };
    const parts = { acceptance, context, deliveryId: id };
    return evaluate(hook, content, { ...parts, ...compact({ payloadOf }) });
  }

  function logFailure(hook: Hook, id: string, { kind, error }: Evaluation["verdict"]): void {
    if (kind !== "failed") return;
    const message = "Hook delivery could not be mapped: correct the hook, then replay the delivery";
    const fields = { hook: hook.name, delivery: id, ...error };
    warn(`failed ${hook.name}`, message, fields, id);
  }

  /** Stores a delivery again with what the current configuration makes of it. */
  async function storeAgain(
    hook: Hook,
    stored: StoredDelivery,
    { verdict, drafts }: Evaluation,
    idempotency?: Idempotency,
  ): Promise<Received> {
    const before = stored.verdict as unknown as Verdict;
    const tasks = drafts.flatMap(({ drafted }) => drafted.map(({ task }) => task));
    const whole: Verdict = {
      ...verdict,
      ...compact({ senderId: before.senderId }),
      tasks: [...before.tasks, ...tasks.map((task) => task.id)],
      replays: (before.replays ?? 0) + 1,
    };
    const delivery = { ...stored, verdict: whole as unknown as Json };
    const inserted = await engine.insert({
      tasks,
      delivery,
      ...compact({ idempotency }),
      ...batchOf(drafts),
    });
    if (inserted.kind === "replayed") return await repeated(inserted.id, stored);
    if (inserted.kind === "stored") logFailure(hook, stored.id, verdict);
    return received(inserted, delivery);
  }

  async function repeated(id: string, fallback: StoredDelivery): Promise<Received> {
    const delivery = await engine.findDelivery(id) ?? fallback;
    return { kind: "stored", delivery, duplicate: true };
  }

  /** Maps a repeated delivery again, but only if it has created no task yet. */
  async function receiveAgain(
    hook: Hook,
    stored: StoredDelivery,
    requestId: string,
    expiresAt: number,
  ): Promise<Received> {
    const { tasks, replays = 0 } = stored.verdict as unknown as Verdict;
    const again = tasks.length === 0
      ? evaluated(hook, JSON.parse(stored.content), stored.id, requestId)
      : undefined;
    if (again?.verdict.kind !== "accepted") {
      return { kind: "stored", delivery: stored, duplicate: true };
    }
    // Of two repetitions at the same time, one is stored.
    const key = `again ${stored.id} ${replays}`;
    const idempotency = { scope: `hook ${hook.name}`, key, fingerprint: "", expiresAt };
    return await storeAgain(hook, stored, again, idempotency);
  }

  async function receive(hook: Hook, { headers, body, requestId }: Incoming): Promise<Received> {
    const now = clock.now();
    const { sender } = hook.preset;
    const delivery: RawDelivery = { headers, body };
    const url = sender.certificateUrlOf?.(delivery, now);
    const certificate = url === undefined ? undefined : await certificates(url);
    if (url !== undefined && certificate === undefined) {
      const message = "Hook delivery not accepted: cannot fetch the certificate of its sender";
      warn(`certificate ${hook.name}`, message, { hook: hook.name, requestId, url });
      return { kind: "limited", retryAfterMs: CERTIFICATE_MS };
    }
    if (!sender.verify({ ...delivery, ...compact({ certificate }) }, hook.secrets, now)) {
      const message = "Hook delivery rejected: signature verification failed";
      warn(`rejected ${hook.name}`, message, { hook: hook.name, requestId });
      return { kind: "forged" };
    }
    const retryAfterMs = (await take(`hook ${hook.name}`, hook.rate)).waitMs;
    if (retryAfterMs > 0) return { kind: "limited", retryAfterMs };
    const id = ids("hkd");
    const content = { headers: plainHeaders(headers), body: decoder.decode(body) };
    const read = tryToRead(hook, content);
    const payload = "payload" in read ? read.payload : null;
    const challenge = sender.challengeOf?.(payload);
    if (challenge !== undefined) return { kind: "challenge", value: challenge };
    const { senderId, key, keptMs } = keyOf(sender, headers, payload, body);
    const { verdict, drafts } = evaluated(hook, content, id, requestId, () => {
      if ("payload" in read) return read.payload;
      throw read.error;
    });
    const tasks = drafts.flatMap(({ drafted }) => drafted.map(({ task }) => task));
    const whole: Verdict = {
      ...verdict,
      ...compact({ senderId }),
      tasks: tasks.map((task) => task.id),
    };
    const stored = deliveryOf(hook.name, id, now, whole, JSON.stringify(content));
    const expiresAt = now + keptMs;
    const inserted = await engine.insert({
      tasks,
      delivery: stored,
      idempotency: { scope: `hook ${hook.name}`, key, fingerprint: "", expiresAt },
      ...batchOf(drafts),
    });
    if (inserted.kind === "replayed") {
      const first = await engine.findDelivery(inserted.id);
      return await receiveAgain(hook, first ?? stored, requestId, expiresAt);
    }
    if (inserted.kind === "stored") logFailure(hook, id, verdict);
    return received(inserted, stored);
  }

  return {
    find: (name) => hooks().get(name),
    list: () => [...hooks().values()],
    async receive(hook, incoming) {
      const result = await receive(hook, incoming);
      const verdict = verdictOf(result);
      if (verdict) metrics.delivered(hook.name, verdict);
      return result;
    },
    async preview(hook, id) {
      const stored = await engine.findDelivery(id);
      if (stored?.hook !== hook.name) return undefined;
      const content = JSON.parse(stored.content) as DeliveryContent;
      return { delivery: stored, content, evaluation: evaluated(hook, content, id, "") };
    },
    async replay(hook, id, requestId) {
      const stored = await engine.findDelivery(id);
      if (stored?.hook !== hook.name) return { kind: "not_found" };
      const evaluation = evaluated(hook, JSON.parse(stored.content), id, requestId);
      return await storeAgain(hook, stored, evaluation);
    },
  };
}

/** The verdict that the metrics count; `undefined` for a challenge and an unknown delivery. */
function verdictOf(result: Received): HookVerdict | undefined {
  switch (result.kind) {
    case "stored":
      return result.duplicate ? "duplicate" : (result.delivery.verdict as unknown as Verdict).kind;
    case "forged":
      return "rejected";
    case "limited":
    case "refused":
      return result.kind;
    default:
      return undefined;
  }
}

/** Parses the payload; the error of one that cannot be parsed becomes part of the verdict. */
function tryToRead(
  { preset }: Hook,
  content: DeliveryContent,
): { readonly payload: Json } | { readonly error: RangeError } {
  try {
    return { payload: readPayload(preset, content) };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return { error };
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
