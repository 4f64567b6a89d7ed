/**
 * Shopify: https://shopify.dev/docs/apps/build/webhooks/subscribe/https
 *
 * @module
 */

import { headerOf, type Sender } from "../preset.ts";
import { anySigned } from "../signature.ts";

/** Shopify. */
export const shopify: Sender = {
  verify: ({ headers, body }, secrets) =>
    anySigned(secrets, { parts: [body], encoding: "base64" }, [
      headers.get("x-shopify-hmac-sha256") ?? "",
    ]),
  eventHeader: "x-shopify-topic",
  idOf: (headers) => headerOf(headers, "x-shopify-webhook-id"),
};
