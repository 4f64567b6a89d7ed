/**
 * Sockets to addresses that somebody else has chosen, within a bound of time.
 *
 * @module
 */

import { compact } from "../../lib/compact.ts";
import { connect as connectPlain, type Socket } from "node:net";
import type { Clock } from "../../lib/clock.ts";
import { isAddress } from "./addresses.ts";
import { secured } from "./tls.ts";

/** Where a socket goes, and how. */
export interface SocketTarget {
  /** An address. */
  readonly address: string;
  /** The port. */
  readonly port: number;
  /** The name that led there: the server's certificate is for it. */
  readonly name: string;
  /** TLS from the first byte. */
  readonly secure: boolean;
}

/** What a socket needs besides its target. */
export interface SocketOptions {
  /** Times it. */
  readonly clock: Clock;
  /** Further CA certificates, PEM. */
  readonly ca?: string | undefined;
  /** What the two sides may speak over TLS; HTTP/1.1 when absent. */
  readonly alpn?: readonly string[];
  /** The longest that connecting may take, TLS included, in milliseconds. */
  readonly connectMs: number;
}

/** A connection failed: at which step, and with which code. */
export class ConnectError extends Error {
  /** `ConnectError`. */
  override name = "ConnectError";
  /** Whether the connection itself stood and only TLS failed. */
  readonly atTls: boolean;
  /** The system's word, such as `ECONNREFUSED`; `ETIMEDOUT` when our bound was reached. */
  readonly code: string;

  /** Wraps what the system said. */
  constructor(code: string, atTls: boolean) {
    super(`Cannot connect: ${code}`);
    this.code = code;
    this.atTls = atTls;
  }
}

/** How long it took to open a socket, in milliseconds. */
export interface OpeningTimes {
  /** Until the connection stood. */
  readonly connect: number;
  /** From there until TLS did. */
  readonly tls?: number;
}

const openingTimes = new WeakMap<object, OpeningTimes>();

/** What opening this socket took, for whoever uses it first. */
export function takeOpeningTimes(socket: object): OpeningTimes | undefined {
  const times = openingTimes.get(socket);
  openingTimes.delete(socket);
  return times;
}

/** Opens a socket; rejects with a `ConnectError`. */
export function openSocket(target: SocketTarget, options: SocketOptions): Promise<Socket> {
  const { address, port, name, secure } = target;
  const { clock, ca, alpn = ["http/1.1"], connectMs } = options;
  return new Promise((resolve, reject) => {
    const begunAt = clock.monotonic();
    const elapsed = () => Math.round((clock.monotonic() - begunAt) * 10) / 10;
    const plain = connectPlain({ host: address, port });
    let socket = plain;
    let connected = false;
    const fail = (code: string) => {
      undo();
      socket.destroy();
      reject(new ConnectError(code, connected));
    };
    const failed = (error: Error & { code?: unknown }) => fail(String(error.code));
    const undo = clock.after(connectMs, () => fail("ETIMEDOUT"));
    const stand = (times: OpeningTimes) => {
      undo();
      openingTimes.set(socket, times);
      resolve(socket);
    };
    plain.setNoDelay(true).setKeepAlive(true, 60_000);
    plain.once("error", failed);
    plain.once("connect", () => {
      connected = true;
      const connect = elapsed();
      if (!secure) return stand({ connect });
      plain.off("error", failed); // From here on the faults of both are those of TLS.
      socket = secured(plain, {
        host: address,
        ...(alpn.length === 0 ? {} : { ALPNProtocols: [...alpn] }),
        // RFC 6066 §3 knows no addresses as server names.
        ...(isAddress(name) ? {} : { servername: name }),
        ...compact({ ca }),
      });
      socket.once("error", failed);
      socket.once("secureConnect", () => {
        stand({ connect, tls: Math.round((elapsed() - connect) * 10) / 10 });
      });
    });
  });
}

/** The first address that works; rejects with the last one's fault when none does. */
export async function firstOf<T>(
  addresses: readonly string[],
  open: (address: string) => Promise<T>,
): Promise<T> {
  let fault: unknown;
  for (const address of addresses) {
    try {
      return await open(address);
    } catch (error) {
      fault = error;
    }
  }
  throw fault;
}
