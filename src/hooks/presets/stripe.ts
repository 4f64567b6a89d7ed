/**
 * Stripe: https://docs.stripe.com/webhooks#verify-manually
 *
 * @module
 */

import { type Sender, textAt } from "../preset.ts";
import { after, anySigned, isFresh } from "../signature.ts";

/** Stripe. */
export const stripe: Sender = {
  verify({ headers, body }, secrets, now) {
    const parts = (headers.get("stripe-signature") ?? "").split(",").map((part) => part.trim());
    const time = after("t=", parts.find((part) => part.startsWith("t=")) ?? "");
    const given = parts.filter((part) => part.startsWith("v1=")).map((part) => part.slice(3));
    return isFresh(time, now) &&
      anySigned(secrets, { parts: [`${time}.`, body], encoding: "hex" }, given);
  },
  idOf: (_, payload) => textAt(payload, "/id"),
};
