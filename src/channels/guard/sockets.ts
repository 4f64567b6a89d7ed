/**
 * Opens sockets to given addresses within a time limit.
 *
 * @module
 */

import { compact } from "../../lib/compact.ts";
import { connect as connectPlain, type Socket } from "node:net";
import type { Clock } from "../../lib/clock.ts";
import { isAddress } from "./addresses.ts";
import { type EgressProxy, openTunnel } from "./egress_proxy.ts";
import { secured } from "./tls.ts";

/** Where a socket goes. */
export interface SocketTarget {
  /** An address. */
  readonly address: string;
  /** The port. */
  readonly port: number;
  /** The name that the server's certificate must be for. */
  readonly name: string;
  /** TLS from the first byte. */
  readonly secure: boolean;
  /** A proxy that tunnels to the address, and the address of the proxy. */
  readonly via?: EgressProxy & { readonly address: string };
}

/** What a socket needs besides its target. */
export interface SocketOptions {
  /** Measures and bounds the time. */
  readonly clock: Clock;
  /** Further CA certificates, PEM. */
  readonly ca?: string | undefined;
  /** The protocols to negotiate over TLS; HTTP/1.1 when absent. */
  readonly alpn?: readonly string[];
  /** The longest that connecting may take, TLS included, in milliseconds. */
  readonly connectMs: number;
  /** Closes the socket while it connects: `ABORTED`. */
  readonly signal?: AbortSignal;
}

/** A connection could not be opened. */
export class ConnectError extends Error {
  /** `ConnectError`. */
  override name = "ConnectError";
  /** Whether the TCP connection was open and TLS failed. */
  readonly atTls: boolean;
  /** The system's code, such as `ECONNREFUSED`; `ETIMEDOUT` when our time limit was reached. */
  readonly code: string;
  /** The reason in words, as TLS gives it for a name that is not in a certificate. */
  readonly reason: string | undefined;

  /** Wraps the system's code. */
  constructor(code: string, atTls: boolean, reason?: string) {
    super(`Cannot connect: ${code}`);
    this.code = code;
    this.atTls = atTls;
    this.reason = reason;
  }
}

/** How long it took to open a socket, in milliseconds. */
export interface OpeningTimes {
  /** Until the TCP connection was open. */
  readonly connect: number;
  /** From then until TLS was established. */
  readonly tls?: number;
}

const openingTimes = new WeakMap<object, OpeningTimes>();

/** The times of opening this socket, for its first request; `undefined` after that. */
export function takeOpeningTimes(socket: object): OpeningTimes | undefined {
  const times = openingTimes.get(socket);
  openingTimes.delete(socket);
  return times;
}

/** Opens a socket; rejects with a `ConnectError`. */
export function openSocket(target: SocketTarget, options: SocketOptions): Promise<Socket> {
  const { address, port, name, secure, via } = target;
  const { clock, ca, alpn = ["http/1.1"], connectMs, signal } = options;
  return new Promise((resolve, reject) => {
    const begunAt = clock.monotonic();
    const elapsed = () => Math.round((clock.monotonic() - begunAt) * 10) / 10;
    const plain = connectPlain(
      via ? { host: via.address, port: via.port } : { host: address, port },
    );
    let socket = plain;
    let connected = false;
    const fail = (code: string, reason?: string) => {
      undo();
      socket.destroy();
      const isProxy = via && !connected && code !== "ABORTED";
      reject(new ConnectError(isProxy ? "EPROXY" : code, connected, reason));
    };
    const failed = ({ code, reason }: Error & { code?: unknown; reason?: unknown }) => {
      fail(String(code), reason === undefined ? undefined : String(reason));
    };
    const abort = () => fail("ABORTED");
    const undoTimer = clock.after(connectMs, () => fail("ETIMEDOUT"));
    const undo = () => {
      undoTimer();
      signal?.removeEventListener("abort", abort);
    };
    signal?.addEventListener("abort", abort, { once: true });
    const ready = (times: OpeningTimes) => {
      undo();
      openingTimes.set(socket, times);
      resolve(socket);
    };
    plain.setNoDelay(true).setKeepAlive(true, 60_000);
    plain.once("error", failed);
    plain.once("connect", () => {
      if (via) openTunnel(plain, address, port, via).then(opened, failed);
      else opened();
    });
    const opened = () => {
      connected = true;
      const connect = elapsed();
      if (!secure) return ready({ connect });
      plain.off("error", failed); // The TLS socket reports errors of both from now on.
      socket = secured(plain, {
        host: address,
        ...(alpn.length === 0 ? {} : { ALPNProtocols: [...alpn] }),
        // RFC 6066 §3: an address is not a server name.
        ...(isAddress(name) ? {} : { servername: name }),
        ...compact({ ca }),
      });
      socket.once("error", failed);
      socket.once("secureConnect", () => {
        ready({ connect, tls: Math.round((elapsed() - connect) * 10) / 10 });
      });
    };
  });
}

/** Tries the addresses in order; rejects with the last error when none works. */
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
