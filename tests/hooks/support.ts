/**
 * Deliveries as their senders sign them.
 *
 * @module
 */

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import type { Issue } from "../../src/task/issues.ts";
import type { Sender } from "../../src/hooks/preset.ts";
import { parsePreset } from "../../src/hooks/table.ts";

/** When the deliveries are sent, in milliseconds since the epoch. */
export const NOW = Date.UTC(2026, 0, 1);
/** Long enough for every sender. */
export const SECRET = "a-secret-of-some-length";
export const STANDARD_SECRET = `whsec_${btoa("k".repeat(32))}`;

const T = `${NOW / 1_000}`;
const encoder = new TextEncoder();
const hmac = (secret: string | Uint8Array, text: string, encoding: "hex" | "base64") =>
  createHmac("sha256", secret).update(text).digest(encoding);

/** The sender that the fields of a hook describe. */
export function senderOf(settings: Record<string, unknown>): Sender {
  const issues: Issue[] = [];
  const preset = parsePreset(settings, issues);
  assert.ok(preset, JSON.stringify(issues));
  return preset.sender;
}

/** How a sender signs a body, and where its signature is. */
export interface Signer {
  readonly settings: Record<string, unknown>;
  readonly secret: string;
  readonly headers: (body: string) => Record<string, string>;
  /** The header with the signature, and the text before it there. */
  readonly signature: readonly [header: string, prefix: string];
  /** A further header that is signed. */
  readonly signed?: string;
}

/** One for each preset, but for Mailgun, whose signature is in the body. */
export const SENDERS: Readonly<Record<string, Signer>> = {
  github: {
    settings: { preset: "github" },
    secret: SECRET,
    headers: (body) => ({
      "x-hub-signature-256": `sha256=${hmac(SECRET, body, "hex")}`,
      "x-github-event": "push",
      "x-github-delivery": "d-1",
    }),
    signature: ["x-hub-signature-256", "sha256="],
  },
  gitlab: {
    settings: { preset: "gitlab" },
    secret: SECRET,
    headers: () => ({ "x-gitlab-token": SECRET, "x-gitlab-event-uuid": "d-1" }),
    signature: ["x-gitlab-token", ""],
  },
  stripe: {
    settings: { preset: "stripe" },
    secret: SECRET,
    headers: (body) => ({
      "stripe-signature": `t=${T},v1=${hmac(SECRET, `${T}.${body}`, "hex")}`,
    }),
    signature: ["stripe-signature", `t=${T},v1=`],
  },
  standard: {
    settings: { preset: "standard" },
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
    settings: { preset: "slack" },
    secret: SECRET,
    headers: (body) => ({
      "x-slack-request-timestamp": T,
      "x-slack-signature": `v0=${hmac(SECRET, `v0:${T}:${body}`, "hex")}`,
    }),
    signature: ["x-slack-signature", "v0="],
    signed: "x-slack-request-timestamp",
  },
  shopify: {
    settings: { preset: "shopify" },
    secret: SECRET,
    headers: (body) => ({ "x-shopify-hmac-sha256": hmac(SECRET, body, "base64") }),
    signature: ["x-shopify-hmac-sha256", ""],
  },
  grafana: {
    settings: { preset: "grafana", timestampHeader: "x-grafana-time" },
    secret: SECRET,
    headers: (body) => ({
      "x-grafana-time": T,
      "x-grafana-alerting-signature": hmac(SECRET, `${T}:${body}`, "hex"),
    }),
    signature: ["x-grafana-alerting-signature", ""],
    signed: "x-grafana-time",
  },
  "grafana without a time": {
    settings: { preset: "grafana" },
    secret: SECRET,
    headers: (body) => ({ "x-grafana-alerting-signature": hmac(SECRET, body, "hex") }),
    signature: ["x-grafana-alerting-signature", ""],
  },
  bitbucket: {
    settings: { preset: "bitbucket" },
    secret: SECRET,
    headers: (body) => ({
      "x-hub-signature": `sha256=${hmac(SECRET, body, "hex")}`,
      "x-event-key": "repo:push",
      "x-request-uuid": "d-1",
    }),
    signature: ["x-hub-signature", "sha256="],
  },
  gitea: {
    settings: { preset: "gitea" },
    secret: SECRET,
    headers: (body) => ({ "x-gitea-signature": hmac(SECRET, body, "hex") }),
    signature: ["x-gitea-signature", ""],
  },
  forgejo: {
    settings: { preset: "forgejo" },
    secret: SECRET,
    headers: (body) => ({ "x-forgejo-signature": hmac(SECRET, body, "hex") }),
    signature: ["x-forgejo-signature", ""],
  },
  pagerduty: {
    settings: { preset: "pagerduty" },
    secret: SECRET,
    headers: (body) => ({
      "x-pagerduty-signature": `v1=${"0".repeat(64)},v1=${hmac(SECRET, body, "hex")}`,
    }),
    signature: ["x-pagerduty-signature", `v1=${"0".repeat(64)},v1=`],
  },
  ses: {
    settings: { preset: "ses" },
    secret: "sns:a-password",
    headers: () => ({ authorization: `Basic ${btoa("sns:a-password")}` }),
    signature: ["authorization", "Basic "],
  },
  postmark: {
    settings: { preset: "postmark" },
    secret: "postmark:a-password",
    headers: () => ({ authorization: `Basic ${btoa("postmark:a-password")}` }),
    signature: ["authorization", "Basic "],
  },
  "alertmanager by Bearer": {
    settings: { preset: "alertmanager" },
    secret: SECRET,
    headers: () => ({ authorization: `Bearer ${SECRET}` }),
    signature: ["authorization", "Bearer "],
  },
  "alertmanager by Basic": {
    settings: { preset: "alertmanager" },
    secret: "prometheus:a-password",
    headers: () => ({ authorization: `Basic ${btoa("prometheus:a-password")}` }),
    signature: ["authorization", "Basic "],
  },
  hmac: {
    settings: {
      preset: "hmac",
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

/** A delivery of Mailgun, which signs a timestamp and a token within the body. */
export function mailgunBody(data: Record<string, unknown>, token = "t".repeat(50)): string {
  const signature = { timestamp: T, token, signature: hmac(SECRET, `${T}${token}`, "hex") };
  return JSON.stringify({ signature, "event-data": data });
}
