/**
 * The memory in which a body comes, given back as soon as it has been read.
 *
 * Each read of a socket makes a buffer of its own, outside the heap, which
 * goes when the collector comes by. Of a long body, more than a hundred
 * megabytes of them lie about at any time. Detaching one frees it at once.
 *
 * @module
 */

import { Buffer } from "node:buffer";

/** A buffer that a connection was read into. */
export interface Chunk {
  /** Its memory. */
  readonly buffer: ArrayBufferLike;
  /** Pieces of it that are in use. */
  held: number;
  /** Whether another one came after it: no further piece of it will come. */
  past: boolean;
}

/**
 * The chunks of one body over HTTP/1.1, where one chunk comes after the other
 * and nobody else has a part in them. The last one is left to the collector,
 * because the next answer may stand in it.
 */
export class Chunks {
  #last: Chunk | undefined;

  /** Tells of the next piece, which is in use from now on. */
  hold(piece: Uint8Array): Chunk {
    const before = this.#last;
    if (before?.buffer !== piece.buffer) {
      this.#last = { buffer: piece.buffer, held: 0, past: false };
      if (before) {
        before.past = true;
        free(before);
      }
    }
    const chunk = this.#last as Chunk;
    chunk.held++;
    return chunk;
  }

  /** A piece of it is in use no more. */
  release(chunk: Chunk): void {
    chunk.held--;
    free(chunk);
  }
}

function free({ buffer, held, past }: Chunk): void {
  // What is as small as Node's pool may be the pool, in which others have their bytes.
  if (!past || held > 0 || buffer.byteLength <= Buffer.poolSize) return;
  if (buffer instanceof ArrayBuffer) buffer.transfer(0);
}
