/**
 * Postmark: https://postmarkapp.com/developer/webhooks/bounce-webhook
 *
 * Its webhooks are not signed: they carry the user and password of the URL.
 *
 * @module
 */

import { type Sender, textAt } from "../preset.ts";
import { isAuthorized } from "../signature.ts";

/** Postmark. */
export const postmark: Sender = {
  verify: ({ headers }, secrets) => isAuthorized(secrets, headers.get("authorization") ?? ""),
  asksForLogin: true,
  eventOf: (payload) => textAt(payload, "/RecordType"),
  idOf: (_, payload) => textAt(payload, "/ID") ?? textAt(payload, "/MessageID"),
  // A message has many events; only a bounce or a complaint has an id of its own.
  keyOf(_, payload) {
    const id = textAt(payload, "/ID");
    return id === undefined ? undefined : `${textAt(payload, "/RecordType") ?? ""} ${id}`;
  },
};
