/**
 * What may be called although it is not public: `POSTRIDER_FETCH_ALLOW`.
 *
 * @module
 */

import { isInRange, parseRange } from "./addresses.ts";

/** One exception to the guard; without a port it holds for every port. */
export type AllowEntry =
  | {
    /** A host name in lower case: permitted whatever it resolves to. */
    readonly name: string;
    /** Holds for this port alone. */
    readonly port?: number;
  }
  | {
    /** Addresses as CIDR: permitted also for names that resolve to them. */
    readonly range: string;
    /** Holds for this port alone. */
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

/** Whether an entry permits this name on this port, whatever it resolves to. */
export function allowsName(allow: readonly AllowEntry[], name: string, port: number): boolean {
  return allow.some((entry) => "name" in entry && entry.name === name && holdsFor(entry, port));
}

/** Whether an entry permits this address on this port. */
export function allowsAddress(
  allow: readonly AllowEntry[],
  address: string,
  port: number,
): boolean {
  return allow.some((entry) =>
    "range" in entry && holdsFor(entry, port) && isInRange(address, entry.range)
  );
}

/**
 * Whether a name that leads inside may lead to an address that an entry
 * permits: a name of this machine to loopback, any other to the rest.
 */
export function mayLeadToAllowed(
  allow: readonly AllowEntry[],
  name: string,
  port: number,
): boolean {
  const local = /(?:^|\.)localhost$/.test(name);
  return allow.some((entry) =>
    "range" in entry && holdsFor(entry, port) && isLoopbackRange(entry.range) === local
  );
}

function isLoopbackRange(range: string): boolean {
  return range.startsWith("127.") || range === "::1/128";
}

function holdsFor(entry: AllowEntry, port: number): boolean {
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

/** As the URL standard spells it, so that it can be compared; an address in disguise is none. */
function parseName(text: string): string | undefined {
  if (!/^[\p{L}\p{M}\p{N}._-]+$/u.test(text)) return undefined;
  const name = URL.parse(`http://${text}/`)?.hostname.replace(/\.$/, "");
  return name && !/^[\d.]+$/.test(name) ? name : undefined;
}
