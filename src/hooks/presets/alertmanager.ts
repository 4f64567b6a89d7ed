/**
 * Prometheus Alertmanager: https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
 *
 * @module
 */

import { type Sender, textAt } from "../preset.ts";
import { isAuthorized } from "../signature.ts";

/** Prometheus Alertmanager. */
export const alertmanager: Sender = {
  verify: ({ headers }, secrets) => isAuthorized(secrets, headers.get("authorization") ?? ""),
  asksForLogin: true,
  eventOf: (payload) => textAt(payload, "/status"),
  idOf(_, payload) {
    const [group, status] = [textAt(payload, "/groupKey"), textAt(payload, "/status")];
    return group === undefined ? undefined : `${group} ${status}`;
  },
  isGroupId: true,
};
