/**
 * `POSTRIDER_EGRESS_PROXY`: an HTTP proxy that all guarded connections go through.
 *
 * The guard decides as without it: names are resolved here, and the proxy is asked for a
 * tunnel (`CONNECT`, RFC 9110 §9.3.6) to an address that the guard permits.
 *
 * @module
 */

import type { Socket } from "node:net";

/** A proxy. */
export interface EgressProxy {
  /** A name or an address, IPv6 without brackets. */
  readonly hostname: string;
  /** Its port. */
  readonly port: number;
  /** The value of `Proxy-Authorization`; a secret. */
  readonly authorization?: string;
}

/** Reads a URL such as `http://user:pass@proxy:3128`; `undefined` when it is not one. */
export function parseEgressProxy(text: string): EgressProxy | undefined {
  const url = URL.parse(text);
  if (!url || url.protocol !== "http:" || url.pathname !== "/" || url.search || url.hash) {
    return undefined;
  }
  const credentials = [url.username, url.password].map(decoded);
  if (credentials.includes(undefined)) return undefined;
  return {
    hostname: url.hostname.replace(/^\[(.*)\]$/, "$1"),
    port: Number(url.port) || 80,
    ...(url.username === "" ? {} : { authorization: `Basic ${base64(credentials.join(":"))}` }),
  };
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

function base64(text: string): string {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}

/** A longer head is no answer of a proxy. */
const MAX_HEAD_BYTES = 16_384;

/** Asks the proxy on this socket for a tunnel; rejects when it does not open one. */
export function openTunnel(
  socket: Socket,
  address: string,
  port: number,
  { authorization }: EgressProxy,
): Promise<void> {
  const authority = `${address.includes(":") ? `[${address}]` : address}:${port}`;
  const lines = [
    `CONNECT ${authority} HTTP/1.1`,
    `Host: ${authority}`,
    ...(authorization === undefined ? [] : [`Proxy-Authorization: ${authorization}`]),
  ];
  return new Promise((resolve, reject) => {
    let head = "";
    const end = (error?: Error) => {
      socket.off("readable", read);
      socket.off("end", lost);
      if (error) reject(error);
      else resolve();
    };
    const lost = () => end(new Error("The proxy closed the connection"));
    const read = () => {
      for (let chunk = socket.read(1); chunk !== null; chunk = socket.read(1)) {
        head += String.fromCharCode(chunk[0]);
        if (head.length > MAX_HEAD_BYTES) return end(new Error("The proxy's answer is too long"));
        if (!head.endsWith("\r\n\r\n")) continue;
        const isOpen = /^HTTP\/1\.[01] 2\d\d[ \r]/.test(head);
        return end(isOpen ? undefined : new Error("The proxy refused the connection"));
      }
    };
    socket.on("readable", read);
    socket.on("end", lost);
    socket.write(`${lines.join("\r\n")}\r\n\r\n`);
  });
}
