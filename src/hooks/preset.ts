/**
 * What a preset's file says of its sender: how it signs, identifies and names its
 * deliveries. Everything else is the same for all senders.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { compact } from "../lib/compact.ts";
import { ExactNumber } from "../lib/json/exact_json.ts";
import { type Json, valueAt } from "../lib/json.ts";
import type { PlainObject } from "../task/input/batch_input.ts";

/** The headers of a delivery. */
export interface DeliveryHeaders {
  /** The value of a header, in any spelling of its name; null when it is missing. */
  get(name: string): string | null;
}

/** A delivery as received. */
export interface RawDelivery {
  /** Its headers. */
  readonly headers: DeliveryHeaders;
  /** The unchanged bytes. */
  readonly body: Uint8Array;
  /** The certificate at `Sender.certificateUrlOf`, PEM. */
  readonly certificate?: string;
}

/** A sender of webhooks. */
export interface Sender {
  /** Whether a delivery verifies with one of the secrets; `now` in milliseconds since the epoch. */
  verify(delivery: RawDelivery, secrets: readonly string[], now: number): boolean;
  /**
   * For a sender that signs with a certificate instead of a secret: the URL of the certificate,
   * or `undefined` for a delivery that cannot be genuine.
   */
  certificateUrlOf?(delivery: RawDelivery, now: number): string | undefined;
  /** It authenticates with HTTP Basic or Bearer, so a 401 asks for it. */
  readonly asksForLogin?: true;
  /** The header that names the event; absent: it is in the payload. */
  readonly eventHeader?: string;
  /** The event in the payload; a member `type` when absent. */
  eventOf?(payload: Json): string | undefined;
  /** The sender's id of a delivery. */
  idOf?(headers: DeliveryHeaders, payload: Json): string | undefined;
  /**
   * What only repetitions of one delivery have in common; the id when absent. Without a value,
   * the bytes of the body count too.
   */
  keyOf?(headers: DeliveryHeaders, payload: Json): string | undefined;
  /** Its id names a group of alerts, which the sender may soon report again on purpose. */
  readonly isGroupId?: true;
  /** A header that covers a timestamp: the same bytes at another time are another delivery. */
  readonly signatureHeader?: string;
  /** The value that the sender wants back before it sends anything. */
  challengeOf?(payload: Json): string | undefined;
  /** The URL that has to be called before the sender sends anything. */
  confirmationOf?(payload: Json): string | undefined;
  /** The payload as mappings see it; the body's JSON when absent. */
  payloadOf?(body: Json): Json;
}

/** Reports what is wrong with a field of a hook. */
export type Wrong = (name: string, detail: string) => undefined;

/** A sender that has settings of its own. */
export interface ConfigurablePreset {
  /** The fields of a hook that only this preset has. */
  readonly fields: readonly string[];
  /** Parses the fields; `undefined` when something is wrong. */
  parse(given: PlainObject, wrong: Wrong): Sender | undefined;
}

const HEADER = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$/;

/** Parses a field that names a header. */
export function headerField(given: PlainObject, name: string, wrong: Wrong): string | undefined {
  const value = given[name];
  if (typeof value === "string" && HEADER.test(value)) return value;
  return wrong(name, "Expected the name of a header");
}

/** A text or number at an RFC 6901 pointer of a payload, as text. */
export function textAt(payload: Json, pointer: string): string | undefined {
  const value = valueAt(payload, pointer);
  const isText = typeof value === "string" || typeof value === "number" ||
    value instanceof ExactNumber;
  return isText ? String(value).slice(0, 500) || undefined : undefined;
}

/** The value of a header, if it is not empty. */
export function headerOf(headers: DeliveryHeaders, name: string): string | undefined {
  return headers.get(name)?.slice(0, 200) || undefined;
}

/** The event that a delivery reports: `push`, `invoice.paid` … */
export function eventOf(
  sender: Sender,
  headers: DeliveryHeaders,
  payload: Json,
): string | undefined {
  if (sender.eventHeader !== undefined) return headerOf(headers, sender.eventHeader);
  return sender.eventOf ? sender.eventOf(payload) : textAt(payload, "/type");
}

const DAY_MS = 86_400_000;
/** For groups of alerts, and deliveries without an id: twice as long as a timestamp is valid. */
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
  sender: Sender,
  headers: DeliveryHeaders,
  payload: Json,
  body: Uint8Array,
): DeliveryKey {
  const senderId = sender.idOf?.(headers, payload);
  const named = compact({ senderId });
  const unique = sender.keyOf ? sender.keyOf(headers, payload) : senderId;
  if (unique !== undefined && !sender.isGroupId) return { ...named, key: unique, keptMs: DAY_MS };
  const digest = createHash("sha256").update(body);
  if (sender.signatureHeader) digest.update(headers.get(sender.signatureHeader) ?? "");
  const keptMs = senderId === undefined || sender.isGroupId ? GROUP_MS : DAY_MS;
  return { ...named, key: `${senderId ?? ""} ${digest.digest("hex")}`, keptMs };
}
