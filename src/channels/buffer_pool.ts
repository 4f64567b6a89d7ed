/**
 * Frees the memory of socket reads as soon as it has been used.
 *
 * Each read of a socket allocates a buffer outside the heap, which lives until
 * the next garbage collection. While a long body is read, more than a hundred
 * megabytes of such buffers pile up. Detaching a buffer frees it at once.
 *
 * @module
 */

import { Buffer } from "node:buffer";

/** A buffer that a socket was read into. */
export interface PooledBuffer {
  /** Its memory. */
  readonly buffer: ArrayBufferLike;
  /** How many pieces of it are in use. */
  held: number;
  /** Whether another buffer followed it: no further piece of this one will come. */
  past: boolean;
}

/**
 * The buffers of one body or connection, which arrive in order and are not
 * shared with other code. The last one is left to the garbage collector: over
 * HTTP/1.1 it may hold the beginning of the next response.
 */
export class BufferPool {
  #last: PooledBuffer | undefined;

  /** Registers the next piece, which is in use from now on. */
  hold({ buffer }: Uint8Array): PooledBuffer {
    const before = this.#last;
    const pooled = before?.buffer === buffer ? before : { buffer, held: 0, past: false };
    pooled.held++;
    this.#last = pooled;
    if (before && before !== pooled) {
      before.past = true;
      free(before);
    }
    return pooled;
  }

  /** Marks one piece of the buffer as no longer used. */
  release(pooled: PooledBuffer): void {
    pooled.held--;
    free(pooled);
  }
}

function free({ buffer, held, past }: PooledBuffer): void {
  if (past && held === 0) freeBuffer(buffer);
}

/** Frees a buffer that is not used any more. A buffer no larger than Node's shared pool may be that pool, so it is left alone. */
export function freeBuffer(buffer: ArrayBufferLike): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength > Buffer.poolSize) buffer.transfer(0);
}
