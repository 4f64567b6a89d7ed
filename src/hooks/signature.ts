/**
 * Verifies the signature or token of a delivery on its raw bytes, in constant time.
 * An empty, short or malformed signature is wrong; nothing throws.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import type { HookPreset } from "./preset.ts";

/** A delivery as received. */
export interface RawDelivery {
  /** Lookup ignores case. */
  readonly headers: { get(name: string): string | null };
  /** The unchanged bytes. */
  readonly body: Uint8Array;
}

/** The largest difference between a timestamp and now, either way, in seconds. */
const MAX_SKEW = 300;

/** Whether a delivery verifies with one of the secrets; `now` in milliseconds since the epoch. */
export function isGenuine(
  preset: HookPreset,
  secrets: readonly string[],
  delivery: RawDelivery,
  now: number,
): boolean {
  const { headers, body } = delivery;
  const header = (name: string) => headers.get(name) ?? "";
  switch (preset.kind) {
    case "github":
      return anySigned(secrets, [body], "sha256", "hex", [
        after("sha256=", header("x-hub-signature-256")),
      ]);
    case "shopify":
      return anySigned(secrets, [body], "sha256", "base64", [header("x-shopify-hmac-sha256")]);
    case "gitlab":
      return anyEqual(secrets, header("x-gitlab-token"));
    case "stripe": {
      const parts = header("stripe-signature").split(",").map((part) => part.trim());
      const t = after("t=", parts.find((part) => part.startsWith("t=")) ?? "");
      const given = parts.filter((part) => part.startsWith("v1=")).map((part) => part.slice(3));
      return isFresh(t, now) && anySigned(secrets, [`${t}.`, body], "sha256", "hex", given);
    }
    case "slack": {
      const t = header("x-slack-request-timestamp");
      const given = [after("v0=", header("x-slack-signature"))];
      return isFresh(t, now) && anySigned(secrets, [`v0:${t}:`, body], "sha256", "hex", given);
    }
    case "standard": {
      const of = (name: string) => header(`webhook-${name}`) || header(`svix-${name}`);
      const [id, t] = [of("id"), of("timestamp")];
      const given = of("signature").split(" ").map((one) => after("v1,", one));
      return id !== "" && isFresh(t, now) &&
        anySigned(secrets.map(standardKey), [`${id}.${t}.`, body], "sha256", "base64", given);
    }
    case "grafana":
      return isGrafana(preset.timestampHeader, secrets, delivery, now);
    case "alertmanager":
      return isAuthorized(secrets, header("authorization"));
    case "hmac": {
      const t = preset.timestampHeader === undefined ? "" : header(preset.timestampHeader);
      if (preset.timestampHeader !== undefined && !isFresh(t, now)) return false;
      const given = after(preset.prefix, header(preset.header));
      const [before = "", behind = ""] = preset.template.replaceAll("{timestamp}", t)
        .split("{body}");
      return anySigned(secrets, [before, body, behind], preset.hash, preset.encoding, [given]);
    }
  }
}

function isGrafana(
  timestampHeader: string | undefined,
  secrets: readonly string[],
  { headers, body }: RawDelivery,
  now: number,
): boolean {
  const given = headers.get("x-grafana-alerting-signature");
  if (given === null) return isAuthorized(secrets, headers.get("authorization") ?? "");
  if (timestampHeader === undefined) return anySigned(secrets, [body], "sha256", "hex", [given]);
  const t = headers.get(timestampHeader) ?? "";
  return isFresh(t, now) && anySigned(secrets, [`${t}:`, body], "sha256", "hex", [given]);
}

/** The text after `prefix`, or "" when it does not start with it. */
function after(prefix: string, text: string): string {
  return text.startsWith(prefix) ? text.slice(prefix.length) : "";
}

function isFresh(timestamp: string, now: number): boolean {
  return /^\d{1,12}$/.test(timestamp) && Math.abs(Number(timestamp) - now / 1_000) <= MAX_SKEW;
}

/** Compares every signature with that of every secret, so that the duration reveals nothing. */
function anySigned(
  secrets: readonly (string | Uint8Array)[],
  parts: readonly (string | Uint8Array)[],
  hash: string,
  encoding: "hex" | "base64",
  given: readonly string[],
): boolean {
  let genuine = false;
  for (const secret of secrets) {
    const hmac = createHmac(hash, secret);
    for (const part of parts) hmac.update(part);
    const expected = hmac.digest();
    for (const text of given.slice(0, MAX_SIGNATURES)) {
      const bytes = decode(text, encoding);
      if (bytes?.length === expected.length && timingSafeEqual(bytes, expected)) genuine = true;
    }
  }
  return genuine;
}

/** More than any sender uses while it rotates its secrets. */
const MAX_SIGNATURES = 10;

/** Strict: a lenient decoder would accept many spellings of one signature. */
function decode(text: string, encoding: "hex" | "base64"): Uint8Array | undefined {
  const bytes = Buffer.from(text, encoding);
  const isSame = bytes.toString(encoding) === text;
  return isSame && bytes.length > 0 ? bytes : undefined;
}

function standardKey(secret: string): string | Uint8Array {
  return secret.startsWith("whsec_") ? Buffer.from(secret.slice(6), "base64") : secret;
}

/** `Bearer SECRET`, or `Basic` with the secret `user:password`. */
function isAuthorized(secrets: readonly string[], authorization: string): boolean {
  const [, scheme = "", given = ""] = /^(bearer|basic) +([^ ]+)$/i.exec(authorization) ?? [];
  if (scheme.toLowerCase() === "bearer") return anyEqual(secrets, given);
  const bytes = decode(given, "base64");
  const text = bytes && Buffer.from(bytes).toString("utf8");
  return text !== undefined && text.includes(":") && anyEqual(secrets, text);
}

/** Compares digests, because `timingSafeEqual` needs equal lengths. */
function anyEqual(secrets: readonly string[], given: string): boolean {
  const digest = createHash("sha256").update(given).digest();
  let equal = false;
  for (const secret of secrets) {
    if (timingSafeEqual(createHash("sha256").update(secret).digest(), digest)) equal = true;
  }
  return equal && given !== "";
}
