/**
 * PagerDuty, webhooks V3: https://developer.pagerduty.com/docs/verifying-webhook-signatures
 *
 * @module
 */

import { headerOf, type Sender, textAt } from "../preset.ts";
import { after, anySigned } from "../signature.ts";

/** PagerDuty. */
export const pagerduty: Sender = {
  verify: ({ headers, body }, secrets) =>
    anySigned(
      secrets,
      { parts: [body], encoding: "hex" },
      (headers.get("x-pagerduty-signature") ?? "").split(",").map((one) =>
        after("v1=", one.trim())
      ),
    ),
  eventOf: (payload) => textAt(payload, "/event/event_type"),
  idOf: (_, payload) => textAt(payload, "/event/id"),
  // Each subscription of PagerDuty delivers an event once.
  keyOf(headers, payload) {
    const id = textAt(payload, "/event/id");
    return id === undefined ? undefined : `${id} ${headerOf(headers, "x-webhook-id") ?? ""}`;
  },
};
