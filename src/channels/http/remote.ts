/**
 * Reports which address a request was sent to. undici publishes it only on its
 * diagnostics channel, our HTTP/2 calls `sentOn`.
 *
 * @module
 */

import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { expectResponse } from "./interim.ts";
import { type OpeningTimes, takeOpeningTimes } from "../guard/sockets.ts";

/** Reports the address of the server to each exchange. */
export interface Remotes {
  /**
   * Calls `report` with `address:port` once the head of the request that is now starting is
   * written, with the times of opening the connection when it is the first on it, and with
   * its socket.
   */
  next(report: Report): void;
  /** The request that is now starting is sent on this socket. */
  sentOn(socket: SendHeaders["socket"]): void;
  /** Stops listening. */
  close(): void;
}

/** Takes what is known of a connection. */
type Report = (
  remote: string,
  opening: OpeningTimes | undefined,
  socket: SendHeaders["socket"],
) => void;

/** What undici publishes when it has written the head of a request. */
interface SendHeaders {
  readonly socket: {
    readonly remoteAddress?: string | undefined;
    readonly remotePort?: number | undefined;
    readonly alpnProtocol?: string | false | null;
  };
}

const SEND_HEADERS = "undici:client:sendHeaders";

/** Starts listening. */
export function openRemotes(): Remotes {
  // The head of a request is written in the same turn in which the request starts.
  let waiting: Report | undefined;
  const receive = (message: unknown) => sentOn((message as SendHeaders).socket);
  const sentOn = (socket: SendHeaders["socket"]) => {
    const { remoteAddress = "", remotePort } = socket;
    const host = remoteAddress.includes(":") ? `[${remoteAddress}]` : remoteAddress;
    expectResponse(socket);
    waiting?.(`${host}:${remotePort}`, takeOpeningTimes(socket), socket);
    waiting = undefined;
  };
  subscribe(SEND_HEADERS, receive);
  return {
    next: (report) => waiting = report,
    sentOn,
    close: () => unsubscribe(SEND_HEADERS, receive),
  };
}
