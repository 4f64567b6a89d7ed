/**
 * The address that a request was sent to.
 *
 * @module
 */

import type { Socket } from "node:net";

/** A connection serves many requests, and asking the system costs as much as reading a head. */
const known = new WeakMap<Socket, string>();

/** `address:port` of the other side. */
export function remoteOf(socket: Socket): string {
  const before = known.get(socket);
  if (before !== undefined) return before;
  const { remoteAddress = "", remotePort } = socket;
  const host = remoteAddress.includes(":") ? `[${remoteAddress}]` : remoteAddress;
  const remote = `${host}:${remotePort}`;
  known.set(socket, remote);
  return remote;
}
