/**
 * Grafana Alerting:
 * https://grafana.com/docs/grafana/latest/alerting/configure-notifications/manage-contact-points/integrations/webhook-notifier
 *
 * @module
 */

import { type ConfigurablePreset, headerField, type Sender, textAt } from "../preset.ts";
import { anySigned, isAuthorized, isFresh } from "../signature.ts";

/** Grafana; `timestampHeader` is the header with the signed timestamp, if there is one. */
export const grafana: ConfigurablePreset = {
  fields: ["timestampHeader"],
  parse(given, wrong) {
    if (given.timestampHeader === undefined) return senderWith(undefined);
    const header = headerField(given, "timestampHeader", wrong);
    return header === undefined ? undefined : senderWith(header);
  },
};

function senderWith(timestampHeader: string | undefined): Sender {
  return {
    verify({ headers, body }, secrets, now) {
      const given = headers.get("x-grafana-alerting-signature");
      if (given === null) return isAuthorized(secrets, headers.get("authorization") ?? "");
      const signs = (...parts: (string | Uint8Array)[]) =>
        anySigned(secrets, { parts, encoding: "hex" }, [given]);
      if (timestampHeader === undefined) return signs(body);
      const time = headers.get(timestampHeader) ?? "";
      return isFresh(time, now) && signs(`${time}:`, body);
    },
    asksForLogin: true,
    eventOf: (payload) => textAt(payload, "/status"),
    idOf: (_, payload) => textAt(payload, "/groupKey"),
    isGroupId: true,
    signatureHeader: "x-grafana-alerting-signature",
  };
}
