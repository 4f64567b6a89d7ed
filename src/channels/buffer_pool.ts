/**
 * The memory into which sockets are read, given back as soon as it has been used.
 *
 * Each read of a socket makes a buffer of its own, outside the heap, which
 * goes when the collector comes by. Of a long body, more than a hundred
 * megabytes of them lie about at any time. Detaching one frees it at once.
 *
 * @module
 */

import { Buffer } from "node:buffer";

/** A buffer that a socket was read into. */
export interface PooledBuffer {
  /** Its memory. */
  readonly buffer: ArrayBufferLike;
  /** Pieces of it that are in use. */
  held: number;
  /** Whether another one came after it: no further piece of it will come. */
  past: boolean;
}

/**
 * The chunks of one body or connection, where one comes after the other and
 * nobody else has a part in them. The last one is left to the collector: of a
 * body over HTTP/1.1 it may hold the beginning of the next answer.
 */
export class BufferPool {
  #last: PooledBuffer | undefined;

  /** Tells of the next piece, which is in use from now on. */
  hold({ buffer }: Uint8Array): PooledBuffer {
    const before = this.#last;
    const chunk = before?.buffer === buffer ? before : { buffer, held: 0, past: false };
    chunk.held++;
    this.#last = chunk;
    if (before && before !== chunk) {
      before.past = true;
      free(before);
    }
    return chunk;
  }

  /** A piece of it is in use no more. */
  release(chunk: PooledBuffer): void {
    chunk.held--;
    free(chunk);
  }
}

function free({ buffer, held, past }: PooledBuffer): void {
  if (past && held === 0) freeBuffer(buffer);
}

/** Frees what nobody uses; what is as small as Node's pool may be the pool, in which others have their bytes. */
export function freeBuffer(buffer: ArrayBufferLike): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength > Buffer.poolSize) buffer.transfer(0);
}
