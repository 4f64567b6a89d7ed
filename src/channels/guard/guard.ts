/**
 * The guard of outbound addresses: refuses URLs that lead to addresses that are not public.
 *
 * It checks three times: the URL's text when a task is submitted, the URL of each
 * redirect, and the addresses that a name resolves to when a connection is opened.
 * The connection then goes to a checked address, so a name that resolves
 * differently later (DNS rebinding) has no effect.
 *
 * @module
 */

import { withoutRoot } from "../../lib/lane_host.ts";
import type { Ports } from "../../task/ports.ts";
import type { TaskError } from "../../task/task.ts";
import { isAddress, isPublicAddress } from "./addresses.ts";
import { type AllowEntry, allowsAddress, allowsName, mayLeadToAllowed } from "./fetch_allow.ts";
import { resolveName, v4First } from "./resolver.ts";

export { type AllowEntry, parseFetchAllow } from "./fetch_allow.ts";

/** Settings of the guard. */
export interface GuardOptions {
  /** What may be called although it is not public. */
  readonly allow: readonly AllowEntry[];
  /** The service's own listener: refused unless allowed, even when it is public. */
  readonly self?: { readonly hostname: string; readonly port: number };
  /** All addresses of a name; the machine's resolver when absent. */
  readonly resolve?: (name: string) => Promise<readonly string[]>;
}

/** Decides where a connection may go. */
export interface Guard {
  /** Why this URL may not be called, judged by its text alone. */
  refuseUrl(url: URL): TaskError | undefined;
  /**
   * The addresses a connection may go to, best first. Rejects with an
   * `AddressError`: `address_refused`, or `dns_failed` when the name has none.
   */
  addressesOf(hostname: string, port: number): Promise<readonly string[]>;
  /**
   * Why a connection that was opened may not be used: it leads to the service's own listener
   * on all addresses of this machine, of which only the connection itself can tell.
   */
  refuseConnection(hostname: string, port: number, ends: ConnectionEnds): TaskError | undefined;
}

/** The addresses of a connection. */
export interface ConnectionEnds {
  /** Ours. */
  readonly localAddress?: string | undefined;
  /** Where it was opened to. */
  readonly remoteAddress?: string | undefined;
}

/** Why no connection was opened. */
export class AddressError extends Error {
  /** `AddressError`. */
  override name = "AddressError";
  /** The error of the task. */
  readonly error: TaskError;

  /** Wraps the error of the task. */
  constructor(error: TaskError) {
    super(error.detail);
    this.error = error;
  }
}

const MAX_URL_BYTES = 2_048;
/** Names that are reserved or belong to a private network. */
const SPECIAL_NAME = /^[^.]+$|\.(?:localhost|local|internal|svc|arpa|onion|test|invalid|example)$/;
/** https://fetch.spec.whatwg.org/#bad-port: ports of protocols that an HTTP request could attack. */
const BAD_PORTS = new Set(
  [
    [0, 1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101],
    [102, 103, 104, 109, 110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427],
    [465, 512, 513, 514, 515, 526, 530, 531, 532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990],
    [993, 995, 1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667],
    [6668, 6669, 6679, 6697, 10080],
  ].flat(),
);

/** Hosts whose result is cached. */
const MAX_CACHED = 1_000;

/** Opens a guard. */
export function openGuard({ allow, self, resolve = resolveName }: GuardOptions): Guard {
  const results = new Map<string, TaskError | undefined>();
  return {
    refuseUrl(url) {
      if (url.protocol !== "http:" && url.protocol !== "https:") {
        return refused(`Cannot call ${url.protocol} URLs: expected http: or https:`);
      }
      if (url.username !== "" || url.password !== "") {
        return refused("Cannot call a URL that holds a user name or a password");
      }
      // `href` is ASCII: one character is one byte.
      if (url.href.length > MAX_URL_BYTES) {
        return refused(`Cannot call a URL of more than ${MAX_URL_BYTES} bytes`);
      }
      return refuseHostOf(url);
    },

    async addressesOf(hostname, port) {
      const host = bareHost(hostname);
      const error = refuseHost(host, port);
      if (error) throw new AddressError(error);
      if (isAddress(host)) return [host];
      const addresses = await resolve(host).catch(() => []);
      if (addresses.length === 0) {
        throw new AddressError({ code: "dns_failed", detail: `Cannot resolve ${host}` });
      }
      if (allowsName(allow, host, port)) return v4First(addresses);
      const permitted = addresses.filter((address) => permits(host, address, port));
      // A mix of public and private addresses is a sign of DNS rebinding: all are refused.
      if (
        permitted.length === 0 ||
        (permitted.length < addresses.length && !SPECIAL_NAME.test(host))
      ) {
        throw new AddressError(
          refused(`Cannot call ${host}: it resolves to an address that is not public`),
        );
      }
      return v4First(permitted);
    },

    refuseConnection(hostname, port, { localAddress = "", remoteAddress = "" }) {
      if (!self || port !== self.port || !WILDCARDS.has(bareHost(self.hostname))) return undefined;
      // A machine that connects to one of its addresses does so from that address.
      if (localAddress !== remoteAddress || allowsAddress(allow, remoteAddress, port)) {
        return undefined;
      }
      const host = bareHost(hostname);
      return allowsName(allow, host, port) ? undefined : ownListener(host, port);
    },
  };

  /** Cached, because a batch may have a thousand URLs of one host. */
  function refuseHostOf(url: URL): TaskError | undefined {
    const { protocol, host } = url;
    const place = protocol + host;
    if (results.has(place)) return results.get(place);
    const result = refuseHost(bareHost(url.hostname), portOf(url));
    if (results.size >= MAX_CACHED) results.clear();
    results.set(place, result);
    return result;
  }

  function refuseHost(host: string, port: number): TaskError | undefined {
    if (allowsName(allow, host, port)) return refusePort(host, port);
    if (isAddress(host)) {
      return permits(host, host, port)
        ? refusePort(host, port)
        : refused(`Cannot call ${host}: it is not a public address`);
    }
    if (host.split(".").includes("")) {
      return refused(`Cannot call "${host}": it is not a valid host name`);
    }
    if (SPECIAL_NAME.test(host) && !mayLeadToAllowed(allow, host, port)) {
      return refused(`Cannot call ${host}: it is not a public name`);
    }
    if (isSelf(host, port)) return ownListener(host, port);
    return refusePort(host, port);
  }

  /** A bad port is allowed when an entry names it. */
  function refusePort(host: string, port: number): TaskError | undefined {
    const named = allow.filter((entry) => entry.port === port);
    return !BAD_PORTS.has(port) || allowsName(named, host, port) || allowsAddress(named, host, port)
      ? undefined
      : refused(`Cannot call port ${port}: it belongs to another protocol`);
  }

  function permits(host: string, address: string, port: number): boolean {
    return allowsAddress(allow, address, port) ||
      (isPublicAddress(address) && !isSelf(address, port) &&
        (host === address || !SPECIAL_NAME.test(host)));
  }

  function isSelf(host: string, port: number): boolean {
    return self !== undefined && port === self.port && host === bareHost(self.hostname);
  }
}

/** The guard as ports for code that opens no connection. */
export function guardPorts(
  guard: () => Guard,
): Pick<Ports, "refuseUrl" | "addressesOf"> {
  return {
    refuseUrl: (url) => guard().refuseUrl(url),
    async addressesOf(url) {
      try {
        return await guard().addressesOf(url.hostname, portOf(url));
      } catch (error) {
        if (error instanceof AddressError) return error.error;
        throw error;
      }
    },
  };
}

/** A listener on these addresses is one on all addresses. */
const WILDCARDS = new Set(["0.0.0.0", "::"]);

function ownListener(host: string, port: number): TaskError {
  return refused(`Cannot call ${host}:${port}: it is this service`);
}

function refused(detail: string): TaskError {
  return { code: "address_refused", detail };
}

/** Without the brackets of an IPv6 literal and the trailing dot. */
function bareHost(hostname: string): string {
  return withoutRoot(hostname.replace(/^\[(.*)\]$/, "$1")).toLowerCase();
}

function portOf(url: URL): number {
  return url.port === "" ? (url.protocol === "https:" ? 443 : 80) : Number(url.port);
}
