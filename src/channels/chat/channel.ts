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
      headers: { ...request.headers, "content-type": "application/json" },
      body: JSON.stringify(request.json),
      redirects: 0,
      maxBytes: ANSWER_BYTES,
    };
    // What the http channel carried over is of another request.
    const { carry: _, ...plain } = attempt;
    const outcome = await http.deliver({ ...plain, payload: JSON.stringify(fetch) }, context);
    if (outcome.kind === "delivered" && statusOf(outcome) >= 300) {
      const code = `http_${statusOf(outcome)}`;
      const detail = `${service.name} answered with a redirect, which is not followed`;
      return { ...outcome, kind: "rejected", error: { code, detail } };
    }
    const harmless = outcome.kind === "unknown" && request.idempotent;
    return harmless ? { ...outcome, kind: "deferred" } : outcome;
  }
}

/** A revived task begins anew only if all of it had arrived. */
function sentBefore({ carry }: Attempt): number {
  return (carry as { sent?: number } | undefined)?.sent ?? 0;
}

/** An outcome of the channel `http`, less what would tell the URL. */
function tell(
  { result, evidence, carry: _, ...outcome }: Outcome,
  service: ChatService,
  place: ChatPlace,
) {
  const body = (result as { body?: string } | undefined)?.body ?? "";
  const { status, remote, timings } = (evidence ?? {}) as Record<string, Json>;
  const channel = {
    ...compact({ status, remote, timings }),
  };
  const answer = outcome.kind === "delivered" ? "" : scrub(body, place).slice(0, SHOWN_LETTERS);
  const wishMs = outcome.kind === "deferred" ? service.wish?.(body) : undefined;
  if (wishMs === undefined || outcome.kind !== "deferred") return { ...outcome, channel, answer };
  const hold = { forMs: wishMs, reason: `${service.name} asked to wait ${wishMs / 1_000} s` };
  return { ...outcome, retryAfterMs: wishMs, hold, channel, answer };
}

/** What a service says must not give away what let us in. */
function scrub(text: string, { access, target }: ChatPlace): string {
  const secrets = [...Object.values(access), ...target.split(/[/@:?]/)];
  return secrets.filter((secret) => secret.length >= 4)
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
