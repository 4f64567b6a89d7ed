/**
 * Which names hold secrets, and what is shown in their place.
 *
 * @module
 */

import { isKeptNumber, parseKeepingNumbers } from "../lib/json/exact_json.ts";
import type { Json } from "./task.ts";

/** Replaces a secret in what is shown. */
export const MASK = "***";

/** A word of a name is enough: `api-key`, `clientSecret`, `sig`; `monkey` is none. */
const WORDS = new Set([
  "token",
  "tokens",
  "secret",
  "secrets",
  "password",
  "passwd",
  "passphrase",
  "passcode",
  "pwd",
  "pass",
  "pin",
  "otp",
  "key",
  "keys",
  "apikey",
  "signature",
  "sig",
  "hmac",
  "auth",
  "authorization",
  "authentication",
  "bearer",
  "cookie",
  "cookies",
  "credential",
  "credentials",
  "jwt",
  "session",
  "sessionid",
]);
/** Long enough to be meant wherever they stand: `accesstoken`, `xsignaturev2`. */
const PARTS = /token|secret|passw|apikey|signature|credential|authorization|privatekey|accesskey/;

/** Whether a header, a query parameter or a JSON member of this name holds a secret. */
export function looksSecret(name: string): boolean {
  const words = name.replace(/([a-z0-9])([A-Z])/g, "$1 $2").toLowerCase().split(/[^a-z]+/);
  return words.some((word) => WORDS.has(word)) || PARTS.test(words.join(""));
}

/** A URL as it may be shown: without user info, the values of secret parameters masked. */
export function maskUrl(text: string): string {
  if (!/[?#@]/.test(text)) return text;
  const url = URL.parse(text);
  if (!url) return text.replace(/[?#].*$/s, "");
  const account = url.username || url.password ? `${MASK}@` : "";
  const start = `${url.protocol}//${account}${url.host}${url.pathname}`;
  return url.search ? `${start}?${maskForm(url.search.slice(1))}` : start;
}

/** The same for `a=1&token=2`; some write `;` between the two, which a secret may hold as well. */
export function maskForm(text: string): string {
  return text.split("&").map((pair) => {
    const parts = pair.split(";");
    const names = parts.map((part) => part.slice(0, Math.max(0, part.indexOf("="))));
    const first = names.findIndex((name) => looksSecret(decoded(name)));
    return first < 0 ? pair : [...parts.slice(0, first), `${names[first]}=${MASK}`].join(";");
  }).join("&");
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    return text;
  }
}

/** Headers as they may be shown. */
export function maskHeaders(headers: Readonly<Record<string, string>>): Record<string, string> {
  const shown: Record<string, string> = {};
  for (const name in headers) {
    const value = headers[name] ?? "";
    shown[name] = looksSecret(name)
      ? maskScheme(name, value)
      : isAddress(name)
      ? maskUrl(value)
      : value;
  }
  return shown;
}

/** Headers whose value is a URL, which may carry a secret in its query. */
function isAddress(name: string): boolean {
  return /^(?:location|content-location|referer|refresh|link|origin)$/i.test(name);
}

/** `Bearer abc` stays recognisable as `Bearer ***`. */
function maskScheme(name: string, value: string): string {
  const scheme = /authorization$/i.test(name) ? /^[A-Za-z]+(?= )/.exec(value)?.[0] : undefined;
  return scheme ? `${scheme} ${MASK}` : MASK;
}

/** JSON as it may be shown; the nesting has been bounded where it came in. */
export function maskJson(value: Json): Json {
  if (value === null || typeof value !== "object" || isKeptNumber(value)) return value;
  if (Array.isArray(value)) return value.map(maskJson);
  return Object.fromEntries(
    Object.entries(value).map((
      [name, member],
    ) => [name, looksSecret(name) && member !== null ? MASK : maskJson(member)]),
  );
}

/** The same for a JSON text: what holds no secret stays as it is written. Throws when it is not JSON. */
export function maskJsonText(text: string): string {
  const value = parseKeepingNumbers(text);
  const masked = JSON.stringify(maskJson(value));
  return masked === JSON.stringify(value) ? text : masked;
}

/** A result as its channel made it; what an upstream answered may hold secrets of its own. */
export function maskResult(result: Json): Json {
  if (result === null || typeof result !== "object" || Array.isArray(result)) return result;
  const shown = { ...result };
  if (typeof shown.url === "string") shown.url = maskUrl(shown.url);
  if (Array.isArray(shown.hops)) {
    shown.hops = shown.hops.map((hop) =>
      hop !== null && typeof hop === "object" && !Array.isArray(hop) && typeof hop.url === "string"
        ? { ...hop, url: maskUrl(hop.url) }
        : hop
    );
  }
  if (shown.headers) shown.headers = maskHeaders(shown.headers as Record<string, string>);
  return shown;
}
