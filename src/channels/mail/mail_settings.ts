/**
 * Parses `POSTRIDER_MAIL`: a relay, or a folder for files.
 *
 * @module
 */

import { isAddress } from "../guard/addresses.ts";
import { isLoopback } from "../../lib/loopback.ts";
import { compact } from "../../lib/compact.ts";

/** Mails are written to files. */
export interface OutboxSettings {
  /** The kind of setting. */
  readonly kind: "outbox";
  /** The lane of every mail. */
  readonly lane: "outbox";
  /** The folder of the `.eml` files; created when it is missing. */
  readonly directory: string;
}

/** Mails are sent to a relay. */
export interface RelaySettings {
  /** The kind of setting. */
  readonly kind: "smtp";
  /** The lane of every mail: `mail:host:port`. */
  readonly lane: string;
  /** A name or an address, without brackets. */
  readonly host: string;
  /** 587, or 465 for implicit TLS, unless named. */
  readonly port: number;
  /**
   * `implicit`: from the first byte. `required`: STARTTLS or nothing.
   * `opportunistic`: STARTTLS when offered, whatever its certificate. `none`: clear text.
   */
  readonly tls: "implicit" | "required" | "opportunistic" | "none";
  /** The name in EHLO; the service's own when absent. */
  readonly name?: string;
  /** Logs in when given. */
  readonly login?: { readonly user: string; readonly pass: string };
}

/** A relay or a folder; plain JSON. */
export type MailSettings = OutboxSettings | RelaySettings;

const EXPECTED = '"outbox:DIR", "smtp://user:pass@host:587?tls=required|opportunistic|none" ' +
  'or "smtps://user:pass@host:465", the user and the password percent-encoded';

/**
 * Parses a mail URL. Throws a `RangeError` that says what is wrong and never
 * contains the password.
 */
export function parseMailUrl(text: string): MailSettings {
  if (text.startsWith("outbox:")) {
    const directory = text.slice("outbox:".length);
    if (directory === "" || directory.includes("\0")) throw wrong("it names no directory");
    return { kind: "outbox", lane: "outbox", directory };
  }
  const url = URL.parse(text);
  if (!url || (url.protocol !== "smtp:" && url.protocol !== "smtps:")) {
    throw wrong("its scheme is not one of these");
  }
  if (!/^\/?$/.test(url.pathname) || url.hash !== "") throw wrong("something follows the host");
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1").toLowerCase();
  if (!/^[a-z0-9._:-]+$/.test(host)) throw wrong("it names no host");
  const port = url.port === "" ? (url.protocol === "smtps:" ? 465 : 587) : Number(url.port);
  if (port === 0) throw wrong("no server listens on port 0");
  const login = parseLogin(url);
  return {
    kind: "smtp",
    lane: `mail:${host.includes(":") ? `[${host}]` : host}:${port}`,
    host,
    port,
    tls: parseTls(url, host),
    ...parseName(url),
    ...compact({ login }),
  };
}

function parseTls(url: URL, host: string): RelaySettings["tls"] {
  const names = [...url.searchParams.keys()].filter((name) => name !== "name");
  const [name, ...more] = names;
  if (name === undefined) {
    if (url.protocol === "smtps:") return "implicit";
    return isLoopback(host) ? "opportunistic" : "required";
  }
  const tls = url.searchParams.get("tls");
  if (name !== "tls" || more.length > 0) {
    throw wrong('it takes only the parameters "tls" and "name"');
  }
  if (url.protocol === "smtps:") throw wrong('smtps takes no "tls": its TLS is implicit');
  if (tls === "required" || tls === "opportunistic" || tls === "none") return tls;
  throw wrong('its "tls" is none of required, opportunistic, none');
}

function parseName(url: URL): { name?: string } {
  const [name, ...more] = url.searchParams.getAll("name");
  if (name === undefined) return {};
  if (more.length > 0 || !isHostName(name)) {
    throw wrong('its "name" is not a full host name such as mx.example.org');
  }
  return { name: name.toLowerCase() };
}

/** Whether EHLO may give this name: a full host name, RFC 5321 §4.1.1.1. */
export function isHostName(text: string): boolean {
  return /^(?=.{4,253}$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)+$/i
    .test(text) && !isAddress(text);
}

function parseLogin(url: URL): RelaySettings["login"] {
  if (url.username === "" && url.password === "") return undefined;
  if (url.username === "" || url.password === "") {
    throw wrong("it has a user without a password, or a password without a user");
  }
  try {
    return { user: decodeURIComponent(url.username), pass: decodeURIComponent(url.password) };
  } catch {
    throw wrong("the user or the password is not percent-encoded");
  }
}

function wrong(why: string): RangeError {
  return new RangeError(`Cannot read the mail URL, ${why}: expected ${EXPECTED}`);
}
