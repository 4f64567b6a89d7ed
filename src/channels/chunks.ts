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
export interface Chunk {
  /** Its memory. */
  readonly buffer: ArrayBufferLike;
  /** Pieces of it that are in use. */
  held: number;
  /** Whether its connection has been read on: no further piece of it will come. */
  past: boolean;
}

/**
 * The chunks of all connections. Over HTTP/2 several bodies have pieces of one
 * chunk, which therefore stays until none of them is in use. The last of a body
 * is left to the collector: the next answer may begin in it.
 */
export class Chunks {
  readonly #known = new WeakMap<ArrayBufferLike, Chunk>();

  /** Tells of a piece that is in use from now on; `last` is what the one before it of the body was in. */
  hold({ buffer }: Uint8Array, last: Chunk | undefined): Chunk {
    const chunk = last?.buffer === buffer ? last : this.#known.get(buffer) ?? this.#meet(buffer);
    chunk.held++;
    if (last && last !== chunk) {
      last.past = true;
      free(last);
    }
    return chunk;
  }

  /** A piece of it is in use no more. */
  release(chunk: Chunk): void {
    chunk.held--;
    free(chunk);
  }

  #meet(buffer: ArrayBufferLike): Chunk {
    const chunk = { buffer, held: 0, past: false };
    this.#known.set(buffer, chunk);
    return chunk;
  }
}

function free({ buffer, held, past }: Chunk): void {
  // What is as small as Node's pool may be the pool, in which others have their bytes.
  if (!past || held > 0 || buffer.byteLength <= Buffer.poolSize) return;
  if (buffer instanceof ArrayBuffer) buffer.transfer(0);
}
