/**
 * Parses mail addresses strictly: they are put into an SMTP envelope, where one
 * stray `>` would name a second recipient.
 *
 * @module
 */

import { isLongerThan, isPlainLine } from "../../lib/text.ts";
import type { Mailbox } from "../payloads.ts";

/** RFC 5321 §4.5.3.1.1, in octets. */
const MAX_LOCAL = 64;
/** RFC 5321 §4.5.3.1.3 less the angle brackets, in octets. */
const MAX_ADDRESS = 254;
/** Characters of a name. */
export const MAX_NAME = 256;
/** The whole text, escapes included; a longer one is not parsed. */
const MAX_TEXT = 1_000;

/** A dot-atom; quoted local parts are legal, but unused and often part of attacks. */
const LOCAL =
  /^[\p{L}\p{M}\p{N}!#$%&'*+/=?^_`{|}~-]+(?:\.[\p{L}\p{M}\p{N}!#$%&'*+/=?^_`{|}~-]+)*$/u;
/** Before it is made ASCII: nothing that the URL parser reads as more than a host. */
const DOMAIN_TEXT = /^[\p{L}\p{M}\p{N}.-]+$/u;
const DOMAIN =
  /^(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/;
/** A name that the host parser leaves as it is: no IDNA, and no number. */
const PLAIN_DOMAIN = /^(?!.*xn--)(?:[a-z0-9-]+\.)*[a-z][a-z0-9-]*$/;
/** `Ada <…>` or `"Lovelace, Ada" <…>`; no two parts of the pattern may match the same spaces, or matching becomes slow. */
const NAMED = /^(?:"((?:[^"\\]|\\.)*)"\s*|([^"<>,;:@\\]*))<([^<>]*)>$/u;

/**
 * Reads one address, `ada@example.org` or `Ada <ada@example.org>`, into parts
 * that are safe in an envelope; an international domain becomes ASCII.
 * `undefined` for anything else, more than one address included.
 */
export function parseMailbox(text: string): Mailbox | undefined {
  if (text.length > MAX_TEXT || !isPlainLine(text)) return undefined;
  const trimmed = text.trim();
  const named = trimmed.endsWith(">") ? NAMED.exec(trimmed) : null;
  if (!named) {
    const address = parseAddress(trimmed);
    return address === undefined ? undefined : { address };
  }
  const [, quoted, bare = "", inner = ""] = named;
  const name = (quoted === undefined ? bare : quoted.replace(/\\(.)/gu, "$1")).trim();
  const address = parseAddress(inner);
  if (address === undefined || name.length > MAX_NAME) return undefined;
  return name === "" ? { address } : { name, address };
}

function parseAddress(text: string): string | undefined {
  const at = text.lastIndexOf("@");
  const local = text.slice(0, at);
  // RFC 6531 counts the octets of UTF-8.
  if (at < 1 || isLongerThan(local, MAX_LOCAL) || !LOCAL.test(local)) return undefined;
  const domain = asciiDomain(text.slice(at + 1));
  if (domain === undefined || isLongerThan(local, MAX_ADDRESS - 1 - domain.length)) {
    return undefined;
  }
  return `${local}@${domain}`;
}

/** The URL standard's host parser knows UTS 46; it also turns `1.2` into an address. */
function asciiDomain(text: string): string | undefined {
  if (text.length > MAX_ADDRESS || !DOMAIN_TEXT.test(text)) return undefined;
  const plain = text.toLowerCase();
  if (PLAIN_DOMAIN.test(plain)) return DOMAIN.test(plain) ? plain : undefined;
  const url = URL.parse(`http://${text}/`);
  if (!url || !DOMAIN.test(url.hostname) || /^\d+$/.test(url.hostname.split(".").at(-1) ?? "")) {
    return undefined;
  }
  return url.hostname;
}
