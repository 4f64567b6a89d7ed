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

/** The last TLS record that arrived on each socket. */
const records = new WeakMap<object, RecordTracker>();

/**
 * Whether a TLS connection ended without the closure alert (RFC 8446 §6.1), so that its end may
 * have been cut off. A closed connection without TLS gives no such sign.
 */
export function wasCutOff(socket: object): boolean {
  const tracker = records.get(socket);
  return tracker !== undefined && !tracker.endsWithAlert;
}

const ALERT = 21;
const APPLICATION_DATA = 23;
/** In TLS 1.3 an alert of 2 bytes is encrypted with its type and a tag of 16. */
const ENCRYPTED_ALERT_BYTES = 19;

/** Follows the TLS records of a connection (RFC 8446 §5.1). */
class RecordTracker {
  #header: number[] = [];
  #left = 0;

  /** Whether the data so far ends with a record that can be the closure alert. */
  get endsWithAlert(): boolean {
    const [type, , , high = 0, low = 0] = this.#header;
    if (this.#left > 0 || this.#header.length < 5) return false;
    return type === ALERT ||
      (type === APPLICATION_DATA && high * 256 + low <= ENCRYPTED_ALERT_BYTES);
  }

  /** Takes encrypted bytes as they arrive. */
  take(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) {
      if (this.#left > 0) {
        const count = Math.min(this.#left, bytes.length - at);
        this.#left -= count;
        at += count;
        continue;
      }
      if (this.#header.length === 5) this.#header = [];
      this.#header.push(bytes[at++] ?? 0);
      const [, , , high = 0, low = 0] = this.#header;
      if (this.#header.length === 5) this.#left = high * 256 + low;
    }
  }
}

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
  const tracker = new RecordTracker();
  records.set(tls, tracker);
  socket.on("data", (bytes: Uint8Array) => {
    const buffer = buffers.hold(bytes);
    tracker.take(bytes);
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
  let isOpen = false;
  tls.once("secureConnect", () => isOpen = true);
  socket.on("error", (error) => {
    if (!isOpen || tls.readableEnded) return tls.destroy(error);
    // What arrived before the error is read first: it may be a whole response.
    tls.once("end", () => tls.destroy(error));
    carrier.push(null);
  });
  tls.once("close", () => socket.destroy());
  const { localAddress, remoteAddress, remotePort } = socket;
  return Object.defineProperties(tls, {
    remoteAddress: { value: remoteAddress },
    remotePort: { value: remotePort },
    localAddress: { value: localAddress },
  });
}
