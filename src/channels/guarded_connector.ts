/**
 * Opens connections for undici, each to an address that the guard has vetted.
 *
 * @module
 */

import { connect as connectPlain, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import type { buildConnector } from "undici";
import type { Clock } from "../lib/clock.ts";
import { isAddress } from "./addresses.ts";
import type { Guard } from "./guard.ts";

/** What connections need besides a guard. */
export interface ConnectorOptions {
  /** Times them. */
  readonly clock: Clock;
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
  options: ConnectorOptions,
): buildConnector.connector {
  return ({ hostname, protocol, port: portText }, callback) => {
    const secure = protocol === "https:";
    const port = Number(portText) || (secure ? 443 : 80);
    const name = hostname.replace(/^\[(.*)\]$/, "$1");
    guard.addressesOf(hostname, port)
      .then((all) => firstOf(all, (host) => open({ host, port, name, secure }, options)))
      .then((socket) => callback(null, socket), (error) => callback(error, null));
  };
}

/** Where a connection goes, and by which name. */
interface Target {
  readonly host: string;
  readonly port: number;
  readonly name: string;
  readonly secure: boolean;
}

function open({ host, port, name, secure }: Target, { clock, ca, connectMs }: ConnectorOptions) {
  return new Promise<Socket>((resolve, reject) => {
    const socket = secure
      ? connectTls({
        host,
        port,
        ALPNProtocols: ["http/1.1"],
        // RFC 6066 §3 knows no addresses as server names.
        ...(isAddress(name) ? {} : { servername: name }),
        ...(ca === undefined ? {} : { ca }),
      })
      : connectPlain({ host, port });
    const undo = clock.after(connectMs, () => socket.destroy(new ConnectTimeout()));
    socket.setNoDelay(true).setKeepAlive(true, 60_000);
    socket.once("error", (error) => {
      undo();
      reject(error);
    });
    socket.once(secure ? "secureConnect" : "connect", () => {
      undo();
      resolve(socket);
    });
  });
}

/** A connection did not come about in time. */
class ConnectTimeout extends Error {
  override name = "ConnectTimeout";
  readonly code = "ETIMEDOUT";
}

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
