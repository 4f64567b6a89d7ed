/**
 * Bitbucket Cloud and Data Center: https://support.atlassian.com/bitbucket-cloud/docs/event-payloads
 *
 * @module
 */

import { headerOf, type Sender } from "../preset.ts";
import { after, anySigned } from "../signature.ts";

/** Bitbucket. */
export const bitbucket: Sender = {
  verify: ({ headers, body }, secrets) =>
    anySigned(secrets, { parts: [body], encoding: "hex" }, [
      after("sha256=", headers.get("x-hub-signature") ?? ""),
    ]),
  eventHeader: "x-event-key",
  idOf: (headers) => headerOf(headers, "x-request-uuid") ?? headerOf(headers, "x-request-id"),
};
