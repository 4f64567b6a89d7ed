/**
 * Opens connections for undici, each to an address that the guard has vetted.
 *
 * @module
 */

import type { buildConnector } from "undici";
import type { Guard } from "./guard.ts";
import { firstOf, openSocket, type SocketOptions } from "./sockets.ts";

/**
 * Makes a connector: it asks the guard at every connection, an address
 * written out included, and tries the vetted addresses one after another.
 */
export function guardedConnector(guard: Guard, options: SocketOptions): buildConnector.connector {
  return ({ hostname, protocol, port: portText }, callback) => {
    const secure = protocol === "https:";
    const port = Number(portText) || (secure ? 443 : 80);
    const name = hostname.replace(/^\[(.*)\]$/, "$1");
    guard.addressesOf(hostname, port)
      .then((addresses) =>
        firstOf(addresses, (address) => openSocket({ address, port, name, secure }, options))
      )
      .then((socket) => callback(null, socket), (error) => callback(error, null));
  };
}
