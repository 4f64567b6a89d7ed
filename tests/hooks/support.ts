/**
 * Deliveries as their senders sign them.
 *
 * @module
 */

import { createHmac } from "node:crypto";
import type { HookPreset } from "../../src/hooks/preset.ts";

/** When the deliveries are sent, in milliseconds since the epoch. */
export const NOW = Date.UTC(2026, 0, 1);
/** Long enough for every sender. */
export const SECRET = "a-secret-of-some-length";
export const STANDARD_SECRET = `whsec_${btoa("k".repeat(32))}`;

const T = `${NOW / 1_000}`;
const encoder = new TextEncoder();
const hmac = (secret: string | Uint8Array, text: string, encoding: "hex" | "base64") =>
  createHmac("sha256", secret).update(text).digest(encoding);

/** A sender: how it signs a body, and where its signature is. */
export interface Sender {
  readonly preset: HookPreset;
  readonly secret: string;
  readonly headers: (body: string) => Record<string, string>;
  /** The header with the signature, and the text before it there. */
  readonly signature: readonly [header: string, prefix: string];
  /** A further header that is signed. */
  readonly signed?: string;
}

/** One sender for each preset. */
export const SENDERS: Readonly<Record<string, Sender>> = {
  github: {
    preset: { kind: "github" },
    secret: SECRET,
    headers: (body) => ({
      "x-hub-signature-256": `sha256=${hmac(SECRET, body, "hex")}`,
      "x-github-event": "push",
      "x-github-delivery": "d-1",
    }),
    signature: ["x-hub-signature-256", "sha256="],
  },
  gitlab: {
    preset: { kind: "gitlab" },
    secret: SECRET,
    headers: () => ({ "x-gitlab-token": SECRET, "x-gitlab-event-uuid": "d-1" }),
    signature: ["x-gitlab-token", ""],
  },
  stripe: {
    preset: { kind: "stripe" },
    secret: SECRET,
    headers: (body) => ({
      "stripe-signature": `t=${T},v1=${hmac(SECRET, `${T}.${body}`, "hex")}`,
    }),
    signature: ["stripe-signature", `t=${T},v1=`],
  },
  standard: {
    preset: { kind: "standard" },
    secret: STANDARD_SECRET,
    headers: (body) => ({
      "webhook-id": "msg_1",
      "webhook-timestamp": T,
      "webhook-signature": `v1,${
        hmac(encoder.encode("k".repeat(32)), `msg_1.${T}.${body}`, "base64")
      }`,
    }),
    signature: ["webhook-signature", "v1,"],
    signed: "webhook-timestamp",
  },
  slack: {
    preset: { kind: "slack" },
    secret: SECRET,
    headers: (body) => ({
      "x-slack-request-timestamp": T,
      "x-slack-signature": `v0=${hmac(SECRET, `v0:${T}:${body}`, "hex")}`,
    }),
    signature: ["x-slack-signature", "v0="],
    signed: "x-slack-request-timestamp",
  },
  shopify: {
    preset: { kind: "shopify" },
    secret: SECRET,
    headers: (body) => ({ "x-shopify-hmac-sha256": hmac(SECRET, body, "base64") }),
    signature: ["x-shopify-hmac-sha256", ""],
  },
  grafana: {
    preset: { kind: "grafana", timestampHeader: "x-grafana-time" },
    secret: SECRET,
    headers: (body) => ({
      "x-grafana-time": T,
      "x-grafana-alerting-signature": hmac(SECRET, `${T}:${body}`, "hex"),
    }),
    signature: ["x-grafana-alerting-signature", ""],
    signed: "x-grafana-time",
  },
  "grafana without a time": {
    preset: { kind: "grafana" },
    secret: SECRET,
    headers: (body) => ({ "x-grafana-alerting-signature": hmac(SECRET, body, "hex") }),
    signature: ["x-grafana-alerting-signature", ""],
  },
  "alertmanager by Bearer": {
    preset: { kind: "alertmanager" },
    secret: SECRET,
    headers: () => ({ authorization: `Bearer ${SECRET}` }),
    signature: ["authorization", "Bearer "],
  },
  "alertmanager by Basic": {
    preset: { kind: "alertmanager" },
    secret: "prometheus:a-password",
    headers: () => ({ authorization: `Basic ${btoa("prometheus:a-password")}` }),
    signature: ["authorization", "Basic "],
  },
  hmac: {
    preset: {
      kind: "hmac",
      header: "x-sig",
      prefix: "sig:",
      hash: "sha512",
      encoding: "base64",
      template: "{timestamp}/{body}/x",
      timestampHeader: "x-time",
      id: "/id",
    },
    secret: SECRET,
    headers: (body) => ({
      "x-time": T,
      "x-sig": `sig:${createHmac("sha512", SECRET).update(`${T}/${body}/x`).digest("base64")}`,
    }),
    signature: ["x-sig", "sig:"],
    signed: "x-time",
  },
};
