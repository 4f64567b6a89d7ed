/**
 * Which address a request went to; undici tells it only on its diagnostics channel,
 * our HTTP/2 by `heard`.
 *
 * @module
 */

import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { type OpeningTimes, takeOpeningTimes } from "../guard/sockets.ts";

/** Tells exchanges their other side. */
export interface Remotes {
  /**
   * Calls `tell` with `address:port` when the request that is now starting has its head written,
   * and with what opening the connection took when it is the first on it.
   */
  next(tell: (remote: string, opening: OpeningTimes | undefined) => void): void;
  /** Tells the request that is now starting that it leaves by this socket. */
  heard(socket: SendHeaders["socket"]): void;
  /** Stops listening. */
  close(): void;
}

/** What undici publishes when it has written a request's head. */
interface SendHeaders {
  readonly socket: {
    readonly remoteAddress?: string | undefined;
    readonly remotePort?: number | undefined;
  };
}

const SEND_HEADERS = "undici:client:sendHeaders";

/** Starts listening. */
export function openRemotes(): Remotes {
  // A request's head is written in the same breath in which it starts.
  let waiting: ((remote: string, opening: OpeningTimes | undefined) => void) | undefined;
  const hear = (message: unknown) => heard((message as SendHeaders).socket);
  const heard = (socket: SendHeaders["socket"]) => {
    const { remoteAddress = "", remotePort } = socket;
    const host = remoteAddress.includes(":") ? `[${remoteAddress}]` : remoteAddress;
    waiting?.(`${host}:${remotePort}`, takeOpeningTimes(socket));
    waiting = undefined;
  };
  subscribe(SEND_HEADERS, hear);
  return {
    next: (tell) => waiting = tell,
    heard,
    close: () => unsubscribe(SEND_HEADERS, hear),
  };
}
