/**
 * Sends a note to a chat service as requests of the channel `http`, behind the
 * same guard, one after another.
 *
 * @module
 */

import { textOfJson } from "../../lib/json/held_text.ts";
import { compact } from "../../lib/compact.ts";
import { wordsOnOneLine } from "../../lib/text.ts";
import type { Outcome } from "../../task/outcome.ts";
import type { ChatPayload, FetchPayload } from "../../task/payloads.ts";
import type { Json } from "../../task/task.ts";
import type { Attempt, Channel, DeliverContext } from "../channel.ts";
import type { Compute } from "../compute/compute.ts";
import { noteOf } from "./note.ts";
import type { ChatPlace, ChatRequest, ChatService } from "./service.ts";
import { placesOf } from "./table.ts";

/** A response is read up to this length. */
const ANSWER_BYTES = 65_536;
/** So much of a response is kept with the attempt, in characters. */
const SHOWN_CHARACTERS = 300;
/** A sentence of a service is cut after these characters. */
const SENTENCE_CHARACTERS = 200;
/** A service may ask to wait for a day at most. */
const MAX_WAIT_MS = 86_400_000;

/** Longer payloads are converted on another thread: markdown and HTML may take seconds. */
const MAX_SHORT = 2_048;

/**
 * Opens the channel of a service; `http` is closed by the caller. Without `compute`,
 * long notes are converted on this thread.
 */
export function openChatChannel(service: ChatService, http: Channel, compute?: Compute): Channel {
  return {
    async deliver(attempt, context) {
      const payload = JSON.parse(textOfJson(attempt.payload)) as ChatPayload;
      const [place] = placesOf(service, payload.target);
      if (!place) return unreadable(service);
      const { taskId } = attempt;
      const requests = compute && attempt.payload.length > MAX_SHORT
        ? await compute.run("chat", [service.name, attempt.payload, { taskId }], context.signal)
        : service.preview(place, noteOf(payload), attempt);
      if (!requests) return unreadable(service);
      let sent = sentBefore(attempt);
      let last: Outcome = { kind: "delivered" };
      for (; sent < requests.length; sent++) {
        const request = requests[sent];
        if (!request) break;
        last = await send(request, attempt, context);
        if (last.kind !== "delivered") break;
      }
      const { channel, answer, ...said } = describe(last, service, place);
      return {
        ...said,
        carry: { sent },
        evidence: { ...channel, parts: requests.length, sent, ...(answer ? { answer } : {}) },
        result: { service: service.name, target: payload.shown, parts: requests.length, sent },
      };
    },
  };

  async function send(
    request: ChatRequest,
    attempt: Attempt,
    context: DeliverContext,
  ): Promise<Outcome> {
    const fetch: FetchPayload = {
      url: request.url,
      method: request.method ?? "POST",
      ...bodyOf(request),
      redirects: 0,
      maxBytes: ANSWER_BYTES,
      ...compact({ expect: request.expect }),
    };
    // The carry is that of this channel, not of `http`.
    const { carry: _, ...plain } = attempt;
    const outcome = await http.deliver({ ...plain, payload: JSON.stringify(fetch) }, context);
    if (outcome.kind === "delivered" && statusOf(outcome) >= 300) {
      const code = `http_${statusOf(outcome)}`;
      const detail = `${service.name} responded with a redirect, which is not followed`;
      return { ...outcome, kind: "rejected", error: { code, detail } };
    }
    if (outcome.kind === "delivered" && service.accepts?.(bodyTextOf(outcome)) === false) {
      const error = { code: "not_accepted", detail: `${service.name} did not accept the note` };
      return { ...outcome, kind: "rejected", error };
    }
    const harmless = outcome.kind === "unknown" && request.idempotent;
    return harmless ? { ...outcome, kind: "deferred" } : outcome;
  }
}

/** The body of a request in its form, and the header that names it. */
function bodyOf({ headers, json, form, text }: ChatRequest) {
  if (text !== undefined) return { headers: { ...headers }, body: text };
  if (form) {
    const type = "application/x-www-form-urlencoded";
    return { headers: { ...headers, "content-type": type }, body: `${new URLSearchParams(form)}` };
  }
  if (json === undefined) return { headers: { ...headers } };
  return {
    headers: { ...headers, "content-type": "application/json" },
    body: JSON.stringify(json),
  };
}

function bodyTextOf({ result }: Outcome): string {
  return (result as { body?: string } | undefined)?.body ?? "";
}

/** How many requests earlier attempts have delivered. */
function sentBefore({ carry }: Attempt): number {
  return (carry as { sent?: number } | undefined)?.sent ?? 0;
}

/** An outcome of the channel `http`, in the words of the service and without secrets. */
function describe(outcome: Outcome, service: ChatService, place: ChatPlace) {
  const { result: _, evidence, carry: __, ...said } = outcome;
  const body = bodyTextOf(outcome);
  const { status, remote, timings } = (evidence ?? {}) as Record<string, Json>;
  const channel = compact({ status, remote, timings });
  if (said.kind === "delivered") return { ...said, channel, answer: "" };
  const answer = scrub(body, place).slice(0, SHOWN_CHARACTERS);
  const sentence = scrub(sentenceOf(body), place);
  const detail = `${said.error.detail}${sentence && `: ${sentence}`}`;
  const error = { ...said.error, detail };
  const askedMs = said.kind === "deferred" ? service.retryAfterMs?.(body) : undefined;
  if (askedMs === undefined || said.kind !== "deferred") return { ...said, error, channel, answer };
  const requestedMs = Math.min(askedMs, MAX_WAIT_MS);
  const hold = {
    forMs: requestedMs,
    reason: `${service.name} asked to wait ${requestedMs / 1_000} s`,
  };
  return { ...said, error, retryAfterMs: requestedMs, hold, channel, answer };
}

/** Where services put the sentence that says what is wrong. */
const SENTENCES = [
  ...["description", "message", "error_description", "errorDescription", "error", "detail"],
  ...["title", "errors", "reason"],
];

/** What a service says of a refusal: a member of its JSON, or a short text. */
function sentenceOf(body: string): string {
  const text = body.trim();
  if (text === "" || text.startsWith("<")) return "";
  let said: Json | undefined = text;
  try {
    said = JSON.parse(text) as Json;
  } catch {
    // A body of plain text is the sentence.
  }
  const found = wordsOnOneLine(wordsIn(said));
  return found.length > SENTENCE_CHARACTERS ? `${found.slice(0, SENTENCE_CHARACTERS)}…` : found;
}

function wordsIn(said: Json | undefined, depth = 0): string {
  if (typeof said === "string") return said;
  if (said === null || typeof said !== "object" || depth > 3) return "";
  if (Array.isArray(said)) {
    return said.slice(0, 3).map((one) => wordsIn(one, depth + 1)).filter(Boolean).join("; ");
  }
  const found = SENTENCES.map((name) => wordsIn(said[name], depth + 1)).filter(Boolean);
  // A longer sentence often contains the shorter one.
  return found.reduce(
    (best, one) => best.includes(one) ? best : `${best}${best && ": "}${one}`,
    "",
  );
}

/** Masks the credentials of a place in the words of its service. */
function scrub(text: string, { access, target }: ChatPlace): string {
  const secrets = [...Object.values(access), ...target.split(/[/@:?&=]/)];
  return secrets.flatMap((secret) => [secret, encodeURIComponent(secret)])
    .filter((secret) => secret.length >= 4)
    .sort((a, b) => b.length - a.length)
    .reduce((scrubbed, secret) => scrubbed.replaceAll(secret, "***"), text);
}

function statusOf({ evidence }: Outcome): number {
  return Number((evidence as { status?: number } | undefined)?.status ?? 0);
}

function unreadable({ name, spelling }: ChatService): Outcome {
  const detail = `This version does not understand the URL any more: expected ${spelling}`;
  return { kind: "rejected", error: { code: `${name}_url`, detail } };
}
