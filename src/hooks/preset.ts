/**
 * Who sends: how each signs, names its deliveries, and says what they are about.
 *
 * @module
 */

import { compact } from "../lib/compact.ts";
import { createHash } from "node:crypto";
import type { Json } from "../task/task.ts";

/** The senders that are known by name. */
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

/** A sender, with what is its own to set. */
export type HookPreset =
  | { readonly kind: Exclude<(typeof PRESETS)[number], "grafana" | "hmac"> }
  | {
    readonly kind: "grafana";
    /** Where the time is that was signed; absent: it is not. */
    readonly timestampHeader?: string;
  }
  | {
    readonly kind: "hmac";
    /** Holds the signature. */
    readonly header: string;
    /** Stands before it. */
    readonly prefix: string;
    /** What it is made with. */
    readonly hash: "sha1" | "sha256" | "sha384" | "sha512";
    /** How it is written. */
    readonly encoding: "hex" | "base64";
    /** What was signed: `{body}`, and `{timestamp}` where there is one. */
    readonly template: string;
    /** Where the time is that was signed, in seconds. */
    readonly timestampHeader?: string;
    /** Names each delivery: a header, or an RFC 6901 pointer into the payload. */
    readonly id?: string;
  };

const DAY_MS = 86_400_000;
/** A sender that names a group, not a delivery, may soon have the same to say again. */
const GROUP_MS = 600_000;

/** How a delivery is told from another, and for how long that is remembered. */
export interface DeliveryKey {
  /** The sender's own id, where it gives one. */
  readonly senderId?: string;
  /** The same for each repetition of a delivery. */
  readonly key: string;
  /** In milliseconds. */
  readonly keptMs: number;
}

/** Tells a delivery from others; what a sender does not name is known by its bytes and signature. */
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

/** They hold a time: the same words at another time are another delivery. */
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

/** Slack's Events API sends nothing to a URL that has not given this word back. */
export function challengeOf({ kind }: HookPreset, payload: Json): string | undefined {
  const isAsked = kind === "slack" && textAt(payload, "/type") === "url_verification";
  return isAsked ? textAt(payload, "/challenge") : undefined;
}

/** What a delivery is about: `push`, `invoice.paid` … */
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
  let value: Json | undefined = payload;
  for (const part of pointer.split("/").slice(1)) {
    if (value === null || typeof value !== "object") return undefined;
    const name = part.replaceAll("~1", "/").replaceAll("~0", "~");
    if (!Object.hasOwn(value, name)) return undefined;
    value = Array.isArray(value) ? value[Number(name)] : value[name];
  }
  return typeof value === "string" || typeof value === "number"
    ? String(value).slice(0, 500) || undefined
    : undefined;
}
