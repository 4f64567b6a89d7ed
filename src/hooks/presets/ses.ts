/**
 * Amazon SES, whose notifications come from Amazon SNS:
 * https://docs.aws.amazon.com/sns/latest/dg/sns-http-https-endpoint-as-subscriber.html
 *
 * SNS signs with a certificate that would have to be fetched for each delivery. It also sends
 * the user and password of the endpoint's URL, once a 401 has asked for them.
 *
 * @module
 */

import { isPlainObject } from "../../task/input/batch_input.ts";
import { headerOf, type Sender, textAt } from "../preset.ts";
import { isAuthorized } from "../signature.ts";
import { parseWithNumbers } from "../../lib/exact_json.ts";

const CONFIRMATION_HOST = /^https:\/\/sns\.[a-z0-9-]+\.amazonaws\.com(?:\.cn)?\/\?/;

/** Amazon SES over SNS. */
export const ses: Sender = {
  verify: ({ headers }, secrets) => isAuthorized(secrets, headers.get("authorization") ?? ""),
  asksForLogin: true,
  // Without an envelope when the subscription delivers raw messages.
  eventOf: (payload) =>
    ["/Message/eventType", "/Message/notificationType", "/eventType", "/notificationType", "/Type"]
      .map((pointer) => textAt(payload, pointer)).find((event) => event !== undefined),
  idOf: (headers, payload) =>
    textAt(payload, "/MessageId") ?? headerOf(headers, "x-amz-sns-message-id"),
  confirmationOf(payload) {
    if (textAt(payload, "/Type") !== "SubscriptionConfirmation") return undefined;
    const url = isPlainObject(payload) ? payload.SubscribeURL : undefined;
    return typeof url === "string" && CONFIRMATION_HOST.test(url) ? url : undefined;
  },
  /** The event is JSON inside a text of the JSON. */
  payloadOf(body) {
    if (!isPlainObject(body) || typeof body.Message !== "string") return body;
    try {
      return { ...body, Message: parseWithNumbers(body.Message) };
    } catch {
      return body;
    }
  },
};
