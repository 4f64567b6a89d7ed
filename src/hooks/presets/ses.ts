/**
 * Amazon SES, whose notifications come from Amazon SNS:
 * https://docs.aws.amazon.com/sns/latest/dg/sns-http-https-endpoint-as-subscriber.html
 *
 * With `topic`, the signature of SNS is verified. Without it, SNS logs in with the user and
 * password of the endpoint's URL, once a 401 has asked for them.
 *
 * @module
 */

import { isPlainObject } from "../../task/input/batch_input.ts";
import { type ConfigurablePreset, headerOf, type Sender, textAt } from "../preset.ts";
import { isAuthorized } from "../signature.ts";
import { parseTopic, readMessage } from "../sns_signature.ts";
import { parseWithNumbers } from "../../lib/json/exact_json.ts";

const CONFIRMATION_HOST = /^https:\/\/sns\.[a-z0-9-]+\.amazonaws\.com(?:\.cn)?\/\?/;

const reading = {
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
} satisfies Omit<Sender, "verify">;

const loggedIn: Sender = {
  ...reading,
  verify: ({ headers }, secrets) => isAuthorized(secrets, headers.get("authorization") ?? ""),
  asksForLogin: true,
};

/** Amazon SES over SNS; `topic` is the ARN of the topic whose signed messages are accepted. */
export const ses: ConfigurablePreset = {
  fields: ["topic"],
  parse({ topic: arn }, wrong) {
    if (arn === undefined) return loggedIn;
    const topic = typeof arn === "string" ? parseTopic(arn) : undefined;
    if (!topic) {
      return wrong("topic", 'Expected an ARN such as "arn:aws:sns:eu-west-1:123456789012:bounces"');
    }
    return {
      ...reading,
      certificateUrlOf: ({ body }, now) => readMessage(body, topic, now)?.certificateUrl,
      verify: ({ body, certificate }, _, now) =>
        certificate !== undefined &&
        (readMessage(body, topic, now)?.isSignedWith(certificate, now) ?? false),
    };
  },
};
