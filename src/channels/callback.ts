/**
 * The channel `callback`: an event leaves as a signed request (Standard Webhooks 1.0).
 *
 * It is the channel `http`, with a signature that is new on each attempt, and
 * with the manners of webhooks: only a 2xx counts, and 410 ends it.
 *
 * @module
 */

import { createHmac } from "node:crypto";
import type { Clock } from "../lib/clock.ts";
import type { Outcome } from "../task/outcome.ts";
import type { FetchPayload } from "../task/payloads.ts";
import type { Json } from "../task/task.ts";
import type { Channel } from "./channel.ts";
import { webhookKey } from "./webhook_secret.ts";

/** What the channel needs. */
export interface CallbackOptions {
  /** Makes the requests. */
  readonly http: Channel;
  /** The moment of each signature. */
  readonly clock: Clock;
  /** Each of them signs, so that one can be exchanged for another; without any nothing is signed. */
  readonly secrets: readonly string[];
}

/** Opens the channel; who opened `http` closes it. */
export function openCallbackChannel({ http, clock, secrets }: CallbackOptions): Channel {
  const keys = secrets.map(webhookKey);
  return {
    async deliver(attempt, context) {
      const payload = JSON.parse(attempt.payload) as FetchPayload;
      const timestamp = Math.floor(clock.now() / 1_000);
      const signed = `${attempt.taskId}.${timestamp}.${payload.body ?? ""}`;
      const signatures = keys.map((key) =>
        `v1,${createHmac("sha256", key).update(signed).digest("base64")}`
      );
      const headers = {
        ...payload.headers,
        "webhook-id": attempt.taskId,
        "webhook-timestamp": `${timestamp}`,
        ...(signatures.length > 0 ? { "webhook-signature": signatures.join(" ") } : {}),
      };
      return judge(
        await http.deliver(
          { ...attempt, payload: JSON.stringify({ ...payload, headers }) },
          context,
        ),
      );
    },
  };
}

/** A receiver that is being rebuilt answers anything: all but 410 may pass. */
function judge(outcome: Outcome): Outcome {
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
