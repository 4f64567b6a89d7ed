/**
 * Opens connections for undici, each to an address that the guard has vetted.
 *
 * @module
 */

import { buildConnector } from "undici";
import { isAddress } from "./addresses.ts";
import type { Guard } from "./guard.ts";

/** What connections need besides a guard. */
export interface ConnectorOptions {
  /** Further CA certificates, PEM. */
  readonly ca?: string;
  /** The longest that connecting to one address may take, TLS included, in milliseconds. */
  readonly connectMs: number;
}

/**
 * Makes a connector: it asks the guard at every connection, an address
 * written out included, and tries the vetted addresses one after another.
 */
export function guardedConnector(
  guard: Guard,
  { ca, connectMs }: ConnectorOptions,
): buildConnector.connector {
  const connect = buildConnector({
    timeout: connectMs,
    allowH2: false,
    ...(ca === undefined ? {} : { ca }),
  });
  const open = (options: buildConnector.Options) =>
    new Promise<Socket>((resolve, reject) => {
      connect(options, (...[error, socket]) => error ? reject(error) : resolve(socket as Socket));
    });
  return (options, callback) => {
    const { hostname, protocol } = options;
    const port = Number(options.port) || (protocol === "https:" ? 443 : 80);
    const host = hostname.replace(/^\[(.*)\]$/, "$1");
    // Plain connections take no server name: undici would connect to that instead.
    const named = protocol === "https:" && !isAddress(host) ? { servername: host } : {};
    guard.addressesOf(hostname, port)
      .then((addresses) =>
        firstOf(addresses, (hostname) => open({ ...options, ...named, hostname }))
      )
      .then((socket) => callback(null, socket), (error) => callback(error, null));
  };
}

type Socket = NonNullable<Parameters<buildConnector.Callback>[1]>;

/** The first that works; the last one's fault when none does. */
async function firstOf<T>(all: readonly string[], open: (one: string) => Promise<T>): Promise<T> {
  let fault: unknown;
  for (const one of all) {
    try {
      return await open(one);
    } catch (error) {
      fault = error;
    }
  }
  throw fault;
}
