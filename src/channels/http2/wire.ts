/**
 * The bytes of a connection that speaks HTTP/2: frames and header blocks in
 * their order, and the bounds on what a server may say without saying anything.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import type { Clock } from "../../lib/clock.ts";
import { BufferPool } from "../buffer_pool.ts";
import { broken, ErrorCode } from "./fault.ts";
import {
  Flag,
  type Frame,
  frame,
  FrameReader,
  FrameType,
  numbersFrame,
  unpadded,
} from "./frames.ts";
import { type Field, HeaderReader } from "./header_block.ts";

/** What a wire needs. */
export interface WireOptions {
  /** Times it. */
  readonly clock: Clock;
  /** Headers of an answer that are longer are an attack. */
  readonly mostHeaderBytes: number;
}

/** Who is told of what came. Whatever it throws ends the connection. */
export interface WireListener {
  /** A frame came: any but PING, and but those that make up a header block. */
  takeFrame(frame: Frame): void;
  /** A header block is whole. */
  takeFields(streamId: number, fields: readonly Field[], isLast: boolean): void;
  /** Nothing more will come: the socket is gone, or what came was wrong. */
  lost(cause?: Error): void;
  /** The server has read what was written. */
  drained(): void;
}

/** Beyond so many bytes that the server has not read, it gets no more of a body ... */
const MAX_UNREAD = 1_048_576;
/** ... and beyond so many it is left. */
const MAX_UNREAD_EVER = 4 * MAX_UNREAD;
/** Frames without a body: beyond so many in a period, and none makes an answer whole, it is an attack. */
const MAX_CHATTER = 10_000;
const CHATTER_PERIOD_MS = 10_000;
/** A header block comes in so many frames at most. */
const MAX_PARTS = 32;
/** What we say last has so long to leave. */
const FAREWELL_MS = 250;

/** A wire. */
export class Wire {
  /** Resolves once the socket is closed. */
  readonly closed: Promise<void>;
  /** When something last came, by the clock that only grows. */
  heardAt = 0;
  readonly #socket: Socket;
  readonly #options: WireOptions;
  readonly #listener: WireListener;
  readonly #frames = new FrameReader();
  readonly #chunks = new BufferPool();
  readonly #headers: HeaderReader;
  #isOver = false;
  #chatter = 0;
  #chatterFrom = 0;
  /** A header block that is not whole yet. */
  #block: { streamId: number; isLast: boolean; parts: Buffer[]; bytes: number } | undefined;

  /** Listens to a socket from now on. */
  constructor(socket: Socket, listener: WireListener, options: WireOptions) {
    this.#socket = socket;
    this.#options = options;
    this.#listener = listener;
    this.#headers = new HeaderReader(options.mostHeaderBytes);
    this.closed = socket.closed
      ? Promise.resolve()
      : new Promise((resolve) => socket.once("close", () => resolve()));
    const lost = () => this.#isOver || listener.lost();
    for (const event of ["error", "end", "close"]) socket.on(event, lost);
    socket.on("drain", () => this.#isOver || listener.drained());
    socket.on("data", (piece: Uint8Array) => {
      const chunk = this.#chunks.hold(piece);
      this.#take(piece);
      this.#chunks.release(chunk);
    });
  }

  /** Whether a body has to wait. */
  get isFull(): boolean {
    return this.#socket.writableLength > MAX_UNREAD;
  }

  /** Writes, as long as anybody may listen. */
  write(bytes: Uint8Array): void {
    if (!this.#isOver && this.#socket.writable) this.#socket.write(bytes);
  }

  /** Writes what the server has asked for; throws when it never reads. */
  reply(type: number, payload: Uint8Array): void {
    this.write(frame(type, Flag.ack, 0, payload));
    if (this.#socket.writableLength > MAX_UNREAD_EVER) throw broken("Deaf", ErrorCode.calm);
  }

  /** An answer is whole: what was said so far was no chatter. */
  forgive(): void {
    this.#chatter = 0;
  }

  /** Says good-bye, if anybody listens, and hears no more. */
  leave(said: number): void {
    if (this.#isOver) return;
    this.write(numbersFrame(FrameType.goAway, 0, 0, said));
    this.#isOver = true;
    const leave = () => void this.#socket.destroy();
    if (!this.#socket.writable) return leave();
    const undo = this.#options.clock.after(FAREWELL_MS, leave);
    this.closed.then(undo);
    this.#socket.end(leave);
  }

  #take(piece: Uint8Array): void {
    if (this.#isOver) return;
    this.heardAt = this.#options.clock.monotonic();
    try {
      for (const frame of this.#frames.read(piece)) {
        this.#takeFrame(frame);
        if (this.#isOver) return;
      }
    } catch (error) {
      this.#listener.lost(error as Error);
    }
  }

  #takeFrame(frame: Frame): void {
    const { type, flags, streamId, payload } = frame;
    if (this.#block && type !== FrameType.continuation) throw broken("A header block breaks off");
    if (type !== FrameType.data || payload.length === 0) this.#countChatter();
    switch (type) {
      case FrameType.headers: {
        const isLast = (flags & Flag.endStream) !== 0;
        this.#block = { streamId, isLast, parts: [], bytes: 0 };
        return this.#takeBlock(flags, unpadded(frame));
      }
      case FrameType.continuation:
        if (this.#block?.streamId !== streamId) throw broken("A header block has no beginning");
        return this.#takeBlock(flags, payload);
      case FrameType.ping:
        return flags & Flag.ack ? undefined : this.reply(FrameType.ping, payload);
      default:
        return this.#listener.takeFrame(frame);
    }
  }

  #takeBlock(flags: number, part: Buffer): void {
    const block = this.#block;
    if (!block) return;
    block.parts.push(Buffer.from(part));
    block.bytes += part.length;
    if (block.bytes > this.#options.mostHeaderBytes || block.parts.length > MAX_PARTS) {
      throw broken("The headers are too long", ErrorCode.calm);
    }
    if (!(flags & Flag.endHeaders)) return;
    this.#block = undefined;
    // Read even where nobody waits for it: the table must learn what it says.
    const fields = this.#headers.read(Buffer.concat(block.parts));
    this.#listener.takeFields(block.streamId, fields, block.isLast);
  }

  #countChatter(): void {
    if (this.heardAt - this.#chatterFrom > CHATTER_PERIOD_MS) {
      this.#chatterFrom = this.heardAt;
      this.#chatter = 0;
    }
    if (++this.#chatter > MAX_CHATTER) throw broken("The server chatters", ErrorCode.calm);
  }
}
