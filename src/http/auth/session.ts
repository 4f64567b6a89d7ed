/**
 * Dashboard sessions: a cookie instead of an API key.
 *
 * The cookie holds the name of the key and an expiry, signed with the digest of
 * the key. So nothing has to be stored: a session survives a restart, and ends
 * at once when its key is removed or gets another secret.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { createHmac, timingSafeEqual } from "node:crypto";

/** What a session needs of an API key. */
export interface SigningKey {
  /** Its name. */
  readonly name: string;
  /** SHA-256 of its secret. */
  readonly digest: Uint8Array;
}

/** Lifetime of a session, in seconds. */
const LASTS_S = 12 * 3_600;
const NAME = "postrider_session";

/** The `Set-Cookie` header that signs a key in for twelve hours from `now`. */
export function sessionCookie(key: SigningKey, now: number, isSecure: boolean): string {
  const until = Math.floor(now / 1_000) + LASTS_S;
  const value = `${key.name}:${until}:${signatureOf(key, until)}`;
  return cookie(encodeURIComponent(value), LASTS_S, isSecure);
}

/** The `Set-Cookie` header that signs out. */
export function endingCookie(isSecure: boolean): string {
  return cookie("", 0, isSecure);
}

/** The key that a request is signed in with; `undefined` without a valid session. */
export function sessionOf<Key extends SigningKey>(
  request: Request,
  keys: readonly Key[],
  now: number,
): Key | undefined {
  const [name, until, signature = ""] = valueOf(request).split(":");
  const key = keys.find((one) => one.name === name);
  if (!key || !/^\d{1,12}$/.test(until ?? "") || Number(until) * 1_000 <= now) return undefined;
  const expected = Buffer.from(signatureOf(key, Number(until)));
  const given = Buffer.from(signature);
  return expected.length === given.length && timingSafeEqual(expected, given) ? key : undefined;
}

/** Whether a request comes from a page of this service, as one that changes something must. */
export function isOwnPage({ headers, url }: Request): boolean {
  const host = headers.get("host") ?? new URL(url).host;
  const origin = headers.get("origin");
  return origin === `http://${host}` || origin === `https://${host}`;
}

/** Whether the browser uses TLS, directly or to a proxy. */
export function isSecure({ headers, url }: Request): boolean {
  return headers.get("x-forwarded-proto") === "https" || url.startsWith("https:");
}

function signatureOf({ name, digest }: SigningKey, until: number): string {
  return createHmac("sha256", digest).update(`postrider session ${name} ${until}`).digest(
    "base64url",
  );
}

function valueOf({ headers }: Request): string {
  const cookies = headers.get("cookie")?.split("; ") ?? [];
  const value = cookies.find((one) => one.startsWith(`${NAME}=`))?.slice(NAME.length + 1) ?? "";
  try {
    return decodeURIComponent(value);
  } catch {
    return "";
  }
}

/** SameSite=Strict: links and forms of other sites are not signed in. */
function cookie(value: string, seconds: number, secure: boolean): string {
  const rest = `Path=/; Max-Age=${seconds}; HttpOnly; SameSite=Strict`;
  return `${NAME}=${value}; ${rest}${secure ? "; Secure" : ""}`;
}
