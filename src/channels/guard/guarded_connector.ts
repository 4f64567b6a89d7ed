/**
 * Opens connections for HTTP, only to addresses that the guard permits.
 *
 * @module
 */

import type { Socket } from "node:net";
import { AddressError, type Guard } from "./guard.ts";
import { compact } from "../../lib/compact.ts";
import { withoutRoot } from "../../lib/lane_host.ts";
import { isAddress } from "./addresses.ts";
import type { EgressProxy } from "./egress_proxy.ts";
import { resolveName } from "./resolver.ts";
import { ConnectError, firstOf, openSocket, type SocketOptions } from "./sockets.ts";

/** Where a connection goes, as the parts of a URL. */
export interface Destination {
  /** `http:` or `https:`. */
  readonly protocol: string;
  /** A name or an address; an IPv6 address in brackets. */
  readonly hostname: string;
  /** Empty for the protocol's default port. */
  readonly port: string;
  /** The protocols to negotiate over TLS; HTTP/1.1 when absent. */
  readonly alpn?: readonly string[];
}

/** Opens a connection; rejects with an `AddressError` or a `ConnectError`. */
export type GuardedOpener = (destination: Destination) => Promise<Socket>;

/**
 * Makes an opener that asks the guard before every connection and tries the permitted
 * addresses in order, through `proxy` when there is one.
 */
export function guardedOpener(
  guard: Guard,
  options: SocketOptions,
  proxy?: EgressProxy,
): GuardedOpener {
  return async ({ hostname, protocol, port: portText, alpn }) => {
    const secure = protocol === "https:";
    const port = Number(portText) || (secure ? 443 : 80);
    // RFC 6066 §3: TLS names a host without the dot of the root, and so do certificates.
    const name = withoutRoot(hostname.replace(/^\[(.*)\]$/, "$1"));
    const how = alpn === undefined ? options : { ...options, alpn };
    const addresses = await guard.addressesOf(hostname, port);
    const via = proxy && { ...proxy, address: await addressOf(proxy) };
    const open = (address: string) =>
      openSocket({ address, port, name, secure, ...compact({ via }) }, how);
    const socket = await firstOf(addresses, open);
    const refused = proxy ? undefined : guard.refuseConnection(hostname, port, socket);
    if (!refused) return socket;
    socket.destroy();
    throw new AddressError(refused);
  };
}

/** The operator has set the proxy, so it may be at any address. */
async function addressOf({ hostname }: EgressProxy): Promise<string> {
  if (isAddress(hostname)) return hostname;
  const [address] = await resolveName(hostname).catch(() => []);
  if (address === undefined) throw new ConnectError("EPROXY", false);
  return address;
}
