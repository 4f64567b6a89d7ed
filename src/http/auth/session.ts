/**
 * Dashboard sessions: a cookie instead of an API key.
 *
 * The cookie holds the name of the key, an expiry and an id, signed with the
 * digest of the key. So a session survives a restart, and ends at once when its
 * secret is removed. Only sessions that were signed out are stored.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { createHmac, timingSafeEqual } from "node:crypto";

import type { SignOuts } from "./sign_outs.ts";

/** What a session needs of an API key. */
export interface SigningKey {
  /** Its name. */
  readonly name: string;
  /** SHA-256 of its secret. */
  readonly digest: Uint8Array;
}

/** Lifetime of a session, in seconds. */
const LIFETIME_S = 12 * 3_600;
const COOKIE = "postrider_session";

/** A session in force. */
export interface Session {
  /** Its id. */
  readonly id: string;
  /** When it ends, in milliseconds since the epoch. */
  readonly endsAt: number;
}

/** Opens and ends sessions. */
export interface Sessions<Key extends SigningKey> {
  /** The `Set-Cookie` header that signs a key in for twelve hours. */
  begin(key: Key, isSecure: boolean): string;
  /** The key that a request is signed in with; `undefined` without a valid session. */
  keyOf(request: Request): Key | undefined;
  /** The session that a request is signed in with. */
  sessionOf(request: Request): Session | undefined;
  /** Ends the session of a request; resolves with the `Set-Cookie` header that removes the cookie. */
  end(request: Request, isSecure: boolean): Promise<string>;
}

/** Opens sessions for the keys in force; `now` is the time in milliseconds since the epoch. */
export function openSessions<Key extends SigningKey>(
  keys: () => readonly Key[],
  now: () => number,
  signOuts: SignOuts,
): Sessions<Key> {
  function read(request: Request): { key: Key; id: string; until: number } | undefined {
    const [name, expiry = "", id = "", signature = ""] = cookieOf(request).split(":");
    const until = Number(expiry);
    if (!/^\d{1,12}$/.test(expiry) || until * 1_000 <= now()) return undefined;
    if (signOuts.has(id)) return undefined;
    const given = Buffer.from(signature);
    const key = keys().find((one) => {
      if (one.name !== name) return false;
      const expected = Buffer.from(signatureOf(one, until, id, signOuts.realm));
      return expected.length === given.length && timingSafeEqual(expected, given);
    });
    return key && { key, id, until };
  }

  return {
    begin(key, isSecure) {
      const until = Math.floor(now() / 1_000) + LIFETIME_S;
      const id = crypto.getRandomValues(new Uint8Array(12)).toBase64({ alphabet: "base64url" });
      const value = `${key.name}:${until}:${id}:${signatureOf(key, until, id, signOuts.realm)}`;
      return cookie(encodeURIComponent(value), LIFETIME_S, isSecure);
    },
    keyOf: (request) => read(request)?.key,
    sessionOf(request) {
      const session = read(request);
      return session && { id: session.id, endsAt: session.until * 1_000 };
    },
    async end(request, isSecure) {
      const session = read(request);
      if (session) await signOuts.add(session.id, session.until * 1_000);
      return cookie("", 0, isSecure);
    },
  };
}

/**
 * Whether a request comes from a page of this service, as one that changes
 * something must. Browsers send `Sec-Fetch-Site` over https and to localhost,
 * and no page can forge it; without it, `Origin` must be the given host.
 */
export function isOwnPage({ headers }: Request, host: string): boolean {
  const site = headers.get("sec-fetch-site");
  if (site !== null) return site === "same-origin";
  const origin = headers.get("origin");
  return origin === `http://${host}` || origin === `https://${host}`;
}

function signatureOf(
  { name, digest }: SigningKey,
  until: number,
  id: string,
  realm: string,
): string {
  const text = ["postrider session", name, until, id, ...(realm === "" ? [] : [realm])].join(" ");
  return createHmac("sha256", digest).update(text).digest("base64url");
}

function cookieOf({ headers }: Request): string {
  const cookies = headers.get("cookie")?.split("; ") ?? [];
  const value = cookies.find((one) => one.startsWith(`${COOKIE}=`))?.slice(COOKIE.length + 1) ?? "";
  try {
    return decodeURIComponent(value);
  } catch {
    return "";
  }
}

/** SameSite=Strict: links and forms of other sites are not signed in. */
function cookie(value: string, seconds: number, secure: boolean): string {
  const rest = `Path=/; Max-Age=${seconds}; HttpOnly; SameSite=Strict`;
  return `${COOKIE}=${value}; ${rest}${secure ? "; Secure" : ""}`;
}
