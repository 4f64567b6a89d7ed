/**
 * Mailgun: https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/securing-webhooks
 *
 * The signature is in the body and covers a timestamp and a token, not the event. So a token
 * counts once, and only for as long as every timestamp.
 *
 * @module
 */

import { isNestedDeeper, type Json, pointerTo } from "../../lib/json.ts";
import { type Sender, textAt } from "../preset.ts";
import { anySigned, isFresh } from "../signature.ts";

/** Mailgun. */
export const mailgun: Sender = {
  verify({ headers, body }, secrets, now) {
    const payload = readBody(headers.get("content-type") ?? "", body);
    const [time, token] = [signatureField(payload, "timestamp"), signatureField(payload, "token")];
    // The account above a subaccount signs too.
    const given = ["signature", "parent-signature"].map((name) => signatureField(payload, name));
    return token !== "" && isFresh(time, now) &&
      anySigned(secrets, { parts: [time, token], encoding: "hex" }, given);
  },
  eventOf: (payload) => textAt(payload, "/event-data/event") ?? textAt(payload, "/event"),
  idOf: (_, payload) => textAt(payload, "/event-data/id"),
  keyOf: (_, payload) => signatureField(payload, "token") || undefined,
};

/** In JSON the fields are in a member `signature`, in a form they are fields of their own. */
function signatureField(payload: Json, name: string): string {
  return textAt(payload, pointerTo(["signature", name])) ?? textAt(payload, pointerTo([name])) ??
    "";
}

const MAX_DEPTH = 64;

function readBody(type: string, body: Uint8Array): Json {
  const text = new TextDecoder().decode(body);
  if (type.startsWith("application/x-www-form-urlencoded")) {
    return Object.fromEntries(new URLSearchParams(text));
  }
  // The body is not verified yet: parsing it must cost little.
  if (isNestedDeeper(text, MAX_DEPTH)) return null;
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
