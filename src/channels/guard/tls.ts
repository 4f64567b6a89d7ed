/**
 * TLS over a socket that is read no faster than what it carries.
 *
 * On Deno 2.9.6 a TLS socket reads on when nobody reads from it: of a body of
 * one gigabyte up to one gigabyte lay in memory. So we read the socket beneath
 * it ourselves, and stop when what has been decrypted is not taken.
 *
 * @module
 */

import type { Socket } from "node:net";
import { Duplex } from "node:stream";
import { connect, type ConnectionOptions, type TLSSocket } from "node:tls";
import { BufferPool } from "../buffer_pool.ts";

/** Speaks TLS over a connected socket, which ends with it. */
export function secured(socket: Socket, options: ConnectionOptions): TLSSocket {
  const carrier = new Duplex({
    read() {},
    write: (bytes, _encoding, done) => void socket.write(bytes, done),
    final: (done) => void socket.end(done),
    destroy(error, done) {
      socket.destroy();
      done(error);
    },
  });
  const tls = connect({ ...options, socket: carrier });
  const chunks = new BufferPool();
  socket.on("data", (bytes: Uint8Array) => {
    const chunk = chunks.hold(bytes);
    carrier.push(bytes);
    if (carrier.readableLength === 0) chunks.release(chunk);
    if (tls.readableLength >= tls.readableHighWaterMark) socket.pause();
  });
  const read = tls._read;
  tls._read = (size) => {
    socket.resume();
    read.call(tls, size);
  };
  socket.once("end", () => carrier.push(null));
  socket.on("error", (error) => tls.destroy(error));
  tls.once("close", () => socket.destroy());
  const { remoteAddress, remotePort } = socket;
  return Object.defineProperties(tls, {
    remoteAddress: { value: remoteAddress },
    remotePort: { value: remotePort },
  });
}
