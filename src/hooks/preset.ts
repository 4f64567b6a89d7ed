/**
 * The known senders: how each identifies a delivery and names its event.
 *
 * @module
 */

import { valueAt } from "../lib/json.ts";
import { compact } from "../lib/compact.ts";
import { createHash } from "node:crypto";
import type { Json } from "../task/task.ts";

/** The presets by name. */
export const PRESETS = [
  "github",
  "gitlab",
  "stripe",
  "standard",
  "slack",
  "shopify",
  "grafana",
  "alertmanager",
  "hmac",
] as const;

/** A preset with its own settings. */
export type HookPreset =
  | { readonly kind: Exclude<(typeof PRESETS)[number], "grafana" | "hmac"> }
  | {
    readonly kind: "grafana";
    /** The header with the signed timestamp; absent: no timestamp is signed. */
    readonly timestampHeader?: string;
  }
  | {
    readonly kind: "hmac";
    /** The header with the signature. */
    readonly header: string;
    /** The text before the signature in that header. */
    readonly prefix: string;
    /** The hash of the HMAC. */
    readonly hash: "sha1" | "sha256" | "sha384" | "sha512";
    /** The encoding of the signature. */
    readonly encoding: "hex" | "base64";
    /** The signed text, with `{body}` and, if there is one, `{timestamp}`. */
    readonly template: string;
    /** The header with the signed timestamp, in seconds since the epoch. */
    readonly timestampHeader?: string;
    /** Where the id of a delivery is: a header, or an RFC 6901 pointer into the payload. */
    readonly id?: string;
  };

const DAY_MS = 86_400_000;
/** A sender whose id is that of a group may soon send the same again on purpose. */
const GROUP_MS = 600_000;

/** What identifies a delivery, and how long it is remembered. */
export interface DeliveryKey {
  /** The sender's own id, if it sends one. */
  readonly senderId?: string;
  /** Equal for every repetition of one delivery. */
  readonly key: string;
  /** How long it is remembered, in milliseconds. */
  readonly keptMs: number;
}

/** Identifies a delivery: by the sender's id, else by its bytes and signature. */
export function keyOf(
  preset: HookPreset,
  headers: { get(name: string): string | null },
  payload: Json,
  body: Uint8Array,
): DeliveryKey {
  const senderId = senderIdOf(preset, headers, payload);
  const isGroup = preset.kind === "grafana" || preset.kind === "alertmanager";
  if (senderId !== undefined && !isGroup) return { senderId, key: senderId, keptMs: DAY_MS };
  const digest = createHash("sha256").update(body);
  for (const name of SIGNATURE_HEADERS) digest.update(headers.get(name) ?? "");
  return {
    ...compact({ senderId }),
    key: `${senderId ?? ""} ${digest.digest("hex")}`,
    keptMs: GROUP_MS,
  };
}

/** These cover a timestamp: the same bytes at another time are another delivery. */
const SIGNATURE_HEADERS = ["x-slack-signature", "x-grafana-alerting-signature"];

function senderIdOf(
  preset: HookPreset,
  headers: { get(name: string): string | null },
  payload: Json,
): string | undefined {
  const header = (name: string) => headers.get(name)?.slice(0, 200) || undefined;
  switch (preset.kind) {
    case "github":
      return header("x-github-delivery");
    case "gitlab":
      return header("x-gitlab-event-uuid");
    case "shopify":
      return header("x-shopify-webhook-id");
    case "standard":
      return header("webhook-id") ?? header("svix-id");
    case "stripe":
      return textAt(payload, "/id");
    case "alertmanager": {
      const [group, status] = [textAt(payload, "/groupKey"), textAt(payload, "/status")];
      return group === undefined ? undefined : `${group} ${status}`;
    }
    case "grafana":
      return textAt(payload, "/groupKey");
    case "hmac":
      if (preset.id === undefined) return undefined;
      return preset.id.startsWith("/") ? textAt(payload, preset.id) : header(preset.id);
    case "slack":
      return textAt(payload, "/event_id");
  }
}

/** Slack's Events API sends no events to a URL that has not returned this value. */
export function challengeOf({ kind }: HookPreset, payload: Json): string | undefined {
  const isAsked = kind === "slack" && textAt(payload, "/type") === "url_verification";
  return isAsked ? textAt(payload, "/challenge") : undefined;
}

/** The event that a delivery reports: `push`, `invoice.paid` … */
export function eventOf(
  { kind }: HookPreset,
  headers: { get(name: string): string | null },
  payload: Json,
): string | undefined {
  switch (kind) {
    case "github":
      return headers.get("x-github-event") ?? undefined;
    case "gitlab":
      return headers.get("x-gitlab-event") ?? undefined;
    case "shopify":
      return headers.get("x-shopify-topic") ?? undefined;
    case "slack":
      return textAt(payload, "/event/type") ?? textAt(payload, "/type");
    case "alertmanager":
    case "grafana":
      return textAt(payload, "/status");
    default:
      return textAt(payload, "/type");
  }
}

function textAt(payload: Json, pointer: string): string | undefined {
  const value = valueAt(payload, pointer);
  return typeof value === "string" || typeof value === "number"
    ? String(value).slice(0, 500) || undefined
    : undefined;
}
