/**
 * `POSTRIDER_FETCH_ALLOW`: what may be called although it is not public.
 *
 * @module
 */

import { isLoopback } from "../../lib/loopback.ts";
import { isInRange, parseRange } from "./addresses.ts";

/** One exception to the guard; without a port it applies to every port. */
export type AllowEntry =
  | {
    /** A host name in lower case: allowed whatever it resolves to. */
    readonly name: string;
    /** Applies to this port only. */
    readonly port?: number;
  }
  | {
    /** Addresses as CIDR: also allowed for names that resolve to them. */
    readonly range: string;
    /** Applies to this port only. */
    readonly port?: number;
  };

const EXPECTED = 'a name, an address or a CIDR, IPv6 in brackets, each with optional ":port"';

/**
 * Reads a comma-separated list such as `intranet.local:8080, 10.0.0.0/8, [fd00::/8]:443`.
 * Throws a `RangeError` that names the entry it cannot read.
 */
export function parseFetchAllow(text: string): AllowEntry[] {
  return text.split(",").map((part) => part.trim()).filter((part) => part !== "").map((part) => {
    const entry = parseEntry(part);
    if (!entry) throw new RangeError(`Cannot allow "${part}": expected ${EXPECTED}`);
    return entry;
  });
}

/** Whether an entry allows this name on this port, whatever it resolves to. */
export function allowsName(allow: readonly AllowEntry[], name: string, port: number): boolean {
  return allow.some((entry) => "name" in entry && entry.name === name && appliesTo(entry, port));
}

/** Whether an entry allows this address on this port. */
export function allowsAddress(
  allow: readonly AllowEntry[],
  address: string,
  port: number,
): boolean {
  return allow.some((entry) =>
    "range" in entry && appliesTo(entry, port) && isInRange(address, entry.range)
  );
}

/**
 * Whether a special name may resolve to an allowed address: `localhost` names only
 * to loopback, all others only to other addresses.
 */
export function mayLeadToAllowed(
  allow: readonly AllowEntry[],
  name: string,
  port: number,
): boolean {
  const local = /(?:^|\.)localhost$/.test(name);
  return allow.some((entry) =>
    "range" in entry && appliesTo(entry, port) &&
    isLoopback(entry.range.replace(/\/\d+$/, "")) === local
  );
}

function appliesTo(entry: AllowEntry, port: number): boolean {
  return entry.port === undefined || entry.port === port;
}

function parseEntry(text: string): AllowEntry | undefined {
  const [, v6, bits = "", other, digits] =
    /^(?:\[([^\]]+)\](\/\d+)?|([^:[\]]+))(?::(\d{1,5}))?$/.exec(text) ?? [];
  const port = digits === undefined ? {} : { port: Number(digits) };
  if (port.port !== undefined && (port.port < 1 || port.port > 65_535)) return undefined;
  const range = parseRange(v6 === undefined ? other ?? "" : v6 + bits);
  if (range !== undefined) {
    return range.includes(":") === (v6 !== undefined) ? { range, ...port } : undefined;
  }
  const name = v6 === undefined ? parseName(other ?? "") : undefined;
  return name === undefined ? undefined : { name, ...port };
}

/** Normalizes a name as the URL standard does; `undefined` for an address in another spelling. */
function parseName(text: string): string | undefined {
  if (!/^[\p{L}\p{M}\p{N}._-]+$/u.test(text)) return undefined;
  const name = URL.parse(`http://${text}/`)?.hostname.replace(/\.$/, "");
  return name && !/^[\d.]+$/.test(name) ? name : undefined;
}
