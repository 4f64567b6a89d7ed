/**
 * The channel `callback`: sends an event as a signed request (Standard Webhooks 1.0).
 *
 * It uses the channel `http`, signs each attempt again, and follows the rules of
 * webhooks: only a 2xx is delivered, and 410 stops the retries.
 *
 * @module
 */

import { textOfJson } from "../lib/json/held_text.ts";
import { createHmac } from "node:crypto";
import type { Clock } from "../lib/clock.ts";
import type { Outcome } from "../task/outcome.ts";
import type { FetchPayload } from "../task/payloads.ts";
import type { Json } from "../task/task.ts";
import type { Channel } from "./channel.ts";
import { type CallbackSecrets, secretsFor } from "./callback_settings.ts";
import { webhookKey } from "./webhook_secret.ts";

/** What the channel needs. */
export interface CallbackOptions {
  /** Sends the requests. */
  readonly http: Channel;
  /** The time of each signature. */
  readonly clock: Clock;
  /** Each of them signs, so that they can be rotated; without any, nothing is signed. */
  readonly secrets: readonly string[];
  /** Hosts with secrets of their own, which sign instead. */
  readonly own?: CallbackSecrets;
}

/** Opens the channel; `http` is closed by the caller. */
export function openCallbackChannel(
  { http, clock, secrets, own = {} }: CallbackOptions,
): Channel {
  return {
    async deliver(attempt, context) {
      const payload = JSON.parse(textOfJson(attempt.payload)) as FetchPayload;
      const timestamp = Math.floor(clock.now() / 1_000);
      const signed = `${attempt.taskId}.${timestamp}.${payload.body ?? ""}`;
      const keys = secretsFor(payload.url, own, secrets).map(webhookKey);
      const signatures = keys.map((key) =>
        `v1,${createHmac("sha256", key).update(signed).digest("base64")}`
      );
      const headers = {
        ...payload.headers,
        "webhook-id": attempt.taskId,
        "webhook-timestamp": `${timestamp}`,
        ...(signatures.length > 0 ? { "webhook-signature": signatures.join(" ") } : {}),
      };
      return deferUnless2xx(
        await http.deliver(
          { ...attempt, payload: JSON.stringify({ ...payload, headers }) },
          context,
        ),
      );
    },
  };
}

/** Retries after any status of 300 or more except 410: a receiver that is being deployed may return any status. */
function deferUnless2xx(outcome: Outcome): Outcome {
  const status = statusOf(outcome.result);
  if (status === undefined || status < 300 || status === 410) return outcome;
  if (outcome.kind !== "delivered" && outcome.kind !== "rejected") return outcome;
  const { kind: _, ...rest } = outcome;
  return {
    ...rest,
    kind: "deferred",
    error: {
      code: `http_${status}`,
      detail: `The receiver answered ${status}; expected 2xx`,
    },
  };
}

function statusOf(result: Json | undefined): number | undefined {
  if (result === null || typeof result !== "object" || Array.isArray(result)) return undefined;
  return typeof result.status === "number" ? result.status : undefined;
}
