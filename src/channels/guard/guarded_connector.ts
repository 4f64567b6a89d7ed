/**
 * Opens connections for HTTP, each to an address that the guard has vetted.
 *
 * @module
 */

import type { Socket } from "node:net";
import type { Guard } from "./guard.ts";
import { firstOf, openSocket, type SocketOptions } from "./sockets.ts";

/** Where a connection goes, in the words of a URL. */
export interface Destination {
  /** `http:` or `https:`. */
  readonly protocol: string;
  /** A name, or an address, in brackets when it is one of IPv6. */
  readonly hostname: string;
  /** Empty for the protocol's own. */
  readonly port: string;
  /** What the two sides may speak over TLS; HTTP/1.1 when absent. */
  readonly alpn?: readonly string[];
}

/** Opens a connection; rejects with an `AddressError` or a `ConnectError`. */
export type GuardedOpener = (destination: Destination) => Promise<Socket>;

/**
 * Makes an opener: it asks the guard at every connection, an address
 * written out included, and tries the vetted addresses one after another.
 */
export function guardedOpener(guard: Guard, options: SocketOptions): GuardedOpener {
  return async ({ hostname, protocol, port: portText, alpn }) => {
    const secure = protocol === "https:";
    const port = Number(portText) || (secure ? 443 : 80);
    const name = hostname.replace(/^\[(.*)\]$/, "$1");
    const how = alpn === undefined ? options : { ...options, alpn };
    const addresses = await guard.addressesOf(hostname, port);
    return firstOf(addresses, (address) => openSocket({ address, port, name, secure }, how));
  };
}
