/**
 * How a note leaves for a chat service: as requests of the channel `http`,
 * behind the same guard, one after another.
 *
 * @module
 */

import { compact } from "../../lib/compact.ts";
import type { Outcome } from "../../task/outcome.ts";
import type { ChatPayload, FetchPayload } from "../../task/payloads.ts";
import type { Json } from "../../task/task.ts";
import type { Attempt, Channel, DeliverContext } from "../channel.ts";
import { noteOf } from "./note.ts";
import type { ChatPlace, ChatRequest, ChatService } from "./service.ts";
import { placesOf } from "./table.ts";

/** An answer is read so far. */
const ANSWER_BYTES = 65_536;
/** Of an answer so much is kept with the attempt. */
const SHOWN_LETTERS = 300;
/** A sentence of a service is cut after these characters. */
const SENTENCE_LETTERS = 200;

/** Opens the channel of a service; `http` sends for it and belongs to whoever opened it. */
export function openChatChannel(service: ChatService, http: Channel): Channel {
  return {
    async deliver(attempt, context) {
      const payload = JSON.parse(attempt.payload) as ChatPayload;
      const [place] = placesOf(service, payload.target);
      if (!place) return unreadable(service);
      const requests = service.preview(place, noteOf(payload), attempt);
      let sent = sentBefore(attempt);
      let last: Outcome = { kind: "delivered" };
      for (; sent < requests.length; sent++) {
        const request = requests[sent];
        if (!request) break;
        last = await send(request, attempt, context);
        if (last.kind !== "delivered") break;
      }
      const { channel, answer, ...told } = tell(last, service, place);
      return {
        ...told,
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
    // What the http channel carried over is of another request.
    const { carry: _, ...plain } = attempt;
    const outcome = await http.deliver({ ...plain, payload: JSON.stringify(fetch) }, context);
    if (outcome.kind === "delivered" && statusOf(outcome) >= 300) {
      const code = `http_${statusOf(outcome)}`;
      const detail = `${service.name} answered with a redirect, which is not followed`;
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

/** A revived task begins anew only if all of it had arrived. */
function sentBefore({ carry }: Attempt): number {
  return (carry as { sent?: number } | undefined)?.sent ?? 0;
}

/** An outcome of the channel `http`, in the words of the service and without secrets. */
function tell(outcome: Outcome, service: ChatService, place: ChatPlace) {
  const { result: _, evidence, carry: __, ...told } = outcome;
  const body = bodyTextOf(outcome);
  const { status, remote, timings } = (evidence ?? {}) as Record<string, Json>;
  const channel = compact({ status, remote, timings });
  if (told.kind === "delivered") return { ...told, channel, answer: "" };
  const answer = scrub(body, place).slice(0, SHOWN_LETTERS);
  const sentence = scrub(sentenceOf(body), place);
  const detail = `${told.error.detail}${sentence && `: ${sentence}`}`;
  const error = { ...told.error, detail };
  const wishMs = told.kind === "deferred" ? service.wish?.(body) : undefined;
  if (wishMs === undefined || told.kind !== "deferred") return { ...told, error, channel, answer };
  const hold = { forMs: wishMs, reason: `${service.name} asked to wait ${wishMs / 1_000} s` };
  return { ...told, error, retryAfterMs: wishMs, hold, channel, answer };
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
  const found = wordsIn(said).replace(/[\s\p{Cc}]+/gu, " ").trim();
  return found.length > SENTENCE_LETTERS ? `${found.slice(0, SENTENCE_LETTERS)}…` : found;
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
