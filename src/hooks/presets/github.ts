/**
 * GitHub: https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries
 *
 * @module
 */

import { headerOf, type Sender } from "../preset.ts";
import { after, anySigned } from "../signature.ts";

/** GitHub. */
export const github: Sender = {
  verify: ({ headers, body }, secrets) =>
    anySigned(secrets, { parts: [body], encoding: "hex" }, [
      after("sha256=", headers.get("x-hub-signature-256") ?? ""),
    ]),
  eventHeader: "x-github-event",
  idOf: (headers) => headerOf(headers, "x-github-delivery"),
  // Two webhooks, of a repository and its organization, report one event under one id.
  keyOf(headers) {
    const id = headerOf(headers, "x-github-delivery");
    const webhook = headerOf(headers, "x-github-hook-id");
    return id === undefined || webhook === undefined ? id : `${id} ${webhook}`;
  },
};
