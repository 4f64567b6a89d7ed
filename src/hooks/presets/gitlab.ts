/**
 * GitLab: https://docs.gitlab.com/user/project/integrations/webhooks
 *
 * @module
 */

import { headerOf, type Sender } from "../preset.ts";
import { anyEqual } from "../signature.ts";

/** GitLab. */
export const gitlab: Sender = {
  verify: ({ headers }, secrets) => anyEqual(secrets, headers.get("x-gitlab-token") ?? ""),
  eventHeader: "x-gitlab-event",
  idOf: (headers) =>
    headerOf(headers, "idempotency-key") ?? headerOf(headers, "x-gitlab-event-uuid"),
  // Events that a webhook causes carry the event UUID of their cause, so it alone tells nothing.
  keyOf: (headers) => headerOf(headers, "idempotency-key"),
};
