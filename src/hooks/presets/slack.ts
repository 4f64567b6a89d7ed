/**
 * Slack: https://docs.slack.dev/authentication/verifying-requests-from-slack
 *
 * @module
 */

import { type Sender, textAt } from "../preset.ts";
import { after, anySigned, isFresh } from "../signature.ts";

/** Slack. */
export const slack: Sender = {
  verify({ headers, body }, secrets, now) {
    const time = headers.get("x-slack-request-timestamp") ?? "";
    const given = [after("v0=", headers.get("x-slack-signature") ?? "")];
    return isFresh(time, now) &&
      anySigned(secrets, { parts: [`v0:${time}:`, body], encoding: "hex" }, given);
  },
  eventOf: (payload) => textAt(payload, "/event/type") ?? textAt(payload, "/type"),
  idOf: (_, payload) => textAt(payload, "/event_id"),
  signatureHeader: "x-slack-signature",
  challengeOf: (payload) =>
    textAt(payload, "/type") === "url_verification" ? textAt(payload, "/challenge") : undefined,
};
