/**
 * Parses the URL of a chat channel in Apprise's spelling.
 *
 * It is not a URL of the web: `tgram://123:abc/-42` has a secret in the place of
 * the host, and a URL parser would refuse it or change its case.
 *
 * @module
 */

import { isCleanUrl } from "../../lib/text.ts";

/** The parts of a URL, percent-decoded. */
export interface ChatUrl {
  /** In lower case. */
  readonly scheme: string;
  /** Before the `@`, up to a colon. */
  readonly user: string;
  /** Before the `@`, after the colon. */
  readonly password: string;
  /** The part in the place of a host, with its port. */
  readonly place: string;
  /** The parts of the path, without empty ones. */
  readonly segments: readonly string[];
  /** The query. */
  readonly parameters: URLSearchParams;
}

const LONGEST = 2_048;
const FORM = /^([a-z][a-z0-9-]{1,19}):\/\/(?:([^/?@]*)@)?([^/?@]*)((?:\/[^?]*)?)(?:\?(.*))?$/i;

/** Parses a URL; `undefined` for any other text. */
export function parseChatUrl(text: string): ChatUrl | undefined {
  if (text.length > LONGEST || !isCleanUrl(text) || !text.isWellFormed()) return undefined;
  const [, scheme = "", account = "", place = "", path = "", query = ""] = FORM.exec(text) ?? [];
  if (scheme === "") return undefined;
  const colon = account.indexOf(":");
  try {
    return {
      scheme: scheme.toLowerCase(),
      user: decodeURIComponent(colon < 0 ? account : account.slice(0, colon)),
      password: colon < 0 ? "" : decodeURIComponent(account.slice(colon + 1)),
      place: decodeURIComponent(place),
      segments: path.split("/").filter((segment) => segment !== "").map(decodeURIComponent),
      parameters: new URLSearchParams(query),
    };
  } catch {
    return undefined;
  }
}

/** `host` or `host:port` as a web server's origin; `undefined` for anything else. */
export function originOf(place: string, secure: boolean): string | undefined {
  if (!/^[\p{L}\p{N}.:[\]-]+$/u.test(place)) return undefined;
  const url = URL.parse(`${secure ? "https" : "http"}://${place}/`);
  return url && url.pathname === "/" && url.username === "" ? url.origin : undefined;
}

/** The header of Basic authentication, if there is a user. */
export function basicAuth({ user, password }: ChatUrl): Record<string, string> {
  if (user === "") return {};
  const bytes = new TextEncoder().encode(`${user}:${password}`);
  return { authorization: `Basic ${bytes.toBase64()}` };
}
