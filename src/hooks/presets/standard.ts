/**
 * Standard Webhooks, and Svix before it: https://www.standardwebhooks.com
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { type DeliveryHeaders, headerOf, type Sender } from "../preset.ts";
import { after, anySigned, isFresh } from "../signature.ts";

/** Any sender that follows Standard Webhooks. */
export const standard: Sender = {
  verify({ headers, body }, secrets, now) {
    const [id, time] = [field(headers, "id"), field(headers, "timestamp")];
    const given = field(headers, "signature").split(" ").map((one) => after("v1,", one));
    return id !== "" && isFresh(time, now) &&
      anySigned(secrets.map(keyOf), { parts: [`${id}.${time}.`, body], encoding: "base64" }, given);
  },
  idOf: (headers) => headerOf(headers, "webhook-id") ?? headerOf(headers, "svix-id"),
};

function field(headers: DeliveryHeaders, name: string): string {
  return headers.get(`webhook-${name}`) || headers.get(`svix-${name}`) || "";
}

function keyOf(secret: string): string | Uint8Array {
  return secret.startsWith("whsec_") ? Buffer.from(secret.slice(6), "base64") : secret;
}
