/**
 * TLS with backpressure.
 *
 * On Deno 2.9.6 a TLS socket continues to read when its data is not consumed: a body of
 * one gigabyte could take one gigabyte of memory. So we read the underlying socket
 * ourselves and stop while the decrypted data is not consumed.
 *
 * @module
 */

import type { Socket } from "node:net";
import { Duplex } from "node:stream";
import { connect, type ConnectionOptions, type TLSSocket } from "node:tls";
import { BufferPool } from "../buffer_pool.ts";

/** Opens TLS on a connected socket, which closes with it. */
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
  const buffers = new BufferPool();
  socket.on("data", (bytes: Uint8Array) => {
    const buffer = buffers.hold(bytes);
    carrier.push(bytes);
    if (carrier.readableLength === 0) buffers.release(buffer);
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
  const { localAddress, remoteAddress, remotePort } = socket;
  return Object.defineProperties(tls, {
    remoteAddress: { value: remoteAddress },
    remotePort: { value: remotePort },
    localAddress: { value: localAddress },
  });
}
