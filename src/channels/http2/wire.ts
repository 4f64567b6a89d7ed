/**
 * Reads and writes the frames of an HTTP/2 connection, assembles header blocks,
 * and bounds what a server may send without completing a response.
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
  /** Bounds the waits. */
  readonly clock: Clock;
  /** Longer response headers end the connection. */
  readonly maxHeaderBytes: number;
}

/** Handles what arrives. An exception thrown by it ends the connection. */
export interface WireListener {
  /** A frame arrived, except PING and the frames of a header block. */
  takeFrame(frame: Frame): void;
  /** A header block is complete. */
  takeFields(streamId: number, fields: readonly Field[], isLast: boolean): void;
  /** Nothing more will arrive: the socket closed, or the server violated the protocol. */
  lost(cause?: Error): void;
  /** The socket accepts more bytes. */
  drained(): void;
}

/** Beyond this many unread bytes, sending of bodies pauses. */
const MAX_UNREAD = 1_048_576;
/** Beyond this many unread bytes, the connection is closed. */
const MAX_UNREAD_REPLIES = 4 * MAX_UNREAD;
/** Frames without body data within a period, with no response completed; more is an attack. */
const MAX_CONTROL_FRAMES = 10_000;
const CONTROL_PERIOD_MS = 10_000;
/** The most frames of one header block. */
const MAX_PARTS = 32;
/** How long the final GOAWAY may take to be sent. */
const GO_AWAY_MS = 250;

/** The frames of one connection. */
export class Wire {
  /** Resolves once the socket is closed. */
  readonly closed: Promise<void>;
  /** When bytes last arrived, on the monotonic clock. */
  lastReadAt = 0;
  readonly #socket: Socket;
  readonly #options: WireOptions;
  readonly #listener: WireListener;
  readonly #frames = new FrameReader();
  readonly #buffers = new BufferPool();
  readonly #headers: HeaderReader;
  #isOver = false;
  #controlFrames = 0;
  #controlFramesFrom = 0;
  /** A header block that is not complete yet. */
  #block: { streamId: number; isLast: boolean; parts: Buffer[]; bytes: number } | undefined;

  /** Reads from the socket from now on. */
  constructor(socket: Socket, listener: WireListener, options: WireOptions) {
    this.#socket = socket;
    this.#options = options;
    this.#listener = listener;
    this.#headers = new HeaderReader(options.maxHeaderBytes);
    this.closed = socket.closed
      ? Promise.resolve()
      : new Promise((resolve) => socket.once("close", () => resolve()));
    const lost = () => this.#isOver || listener.lost();
    for (const event of ["error", "end", "close"]) socket.on(event, lost);
    socket.on("drain", () => this.#isOver || listener.drained());
    socket.on("data", (chunk: Uint8Array) => {
      const buffer = this.#buffers.hold(chunk);
      this.#take(chunk);
      this.#buffers.release(buffer);
    });
  }

  /** Whether sending of bodies has to wait. */
  get isFull(): boolean {
    return this.#socket.writableLength > MAX_UNREAD;
  }

  /** Writes while the connection is open. */
  write(bytes: Uint8Array): void {
    if (!this.#isOver && this.#socket.writable) this.#socket.write(bytes);
  }

  /** Acknowledges a frame; throws when the server does not read them. */
  reply(type: number, payload: Uint8Array): void {
    this.write(frame(type, Flag.ack, 0, payload));
    if (this.#socket.writableLength > MAX_UNREAD_REPLIES) {
      throw broken("The server does not read what it is sent", ErrorCode.calm);
    }
  }

  /** A response is complete: control frames are counted from zero again. */
  resetControlFrames(): void {
    this.#controlFrames = 0;
  }

  /** Sends GOAWAY if possible, closes the socket, and reads no more. */
  leave(goAwayCode: number): void {
    if (this.#isOver) return;
    this.write(numbersFrame(FrameType.goAway, 0, 0, goAwayCode));
    this.#isOver = true;
    const leave = () => void this.#socket.destroy();
    if (!this.#socket.writable) return leave();
    const undo = this.#options.clock.after(GO_AWAY_MS, leave);
    this.closed.then(undo);
    this.#socket.end(leave);
  }

  #take(chunk: Uint8Array): void {
    if (this.#isOver) return;
    this.lastReadAt = this.#options.clock.monotonic();
    try {
      for (const frame of this.#frames.read(chunk)) {
        this.#takeFrame(frame);
        if (this.#isOver) return;
      }
    } catch (error) {
      this.#listener.lost(error as Error);
    }
  }

  #takeFrame(frame: Frame): void {
    const { type, flags, streamId, payload } = frame;
    if (this.#block && type !== FrameType.continuation) {
      throw broken("A header block is interrupted by another frame");
    }
    if (type !== FrameType.data || payload.length === 0) this.#countControlFrame();
    switch (type) {
      case FrameType.headers: {
        const isLast = (flags & Flag.endStream) !== 0;
        this.#block = { streamId, isLast, parts: [], bytes: 0 };
        return this.#takeBlock(flags, unpadded(frame));
      }
      case FrameType.continuation:
        if (this.#block?.streamId !== streamId) throw broken("CONTINUATION without HEADERS");
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
    if (block.bytes > this.#options.maxHeaderBytes || block.parts.length > MAX_PARTS) {
      throw broken("The response headers are too long", ErrorCode.calm);
    }
    if (!(flags & Flag.endHeaders)) return;
    this.#block = undefined;
    // Decoded even for a stream that has ended, because it changes the HPACK table.
    const fields = this.#headers.read(Buffer.concat(block.parts));
    this.#listener.takeFields(block.streamId, fields, block.isLast);
  }

  #countControlFrame(): void {
    if (this.lastReadAt - this.#controlFramesFrom > CONTROL_PERIOD_MS) {
      this.#controlFramesFrom = this.lastReadAt;
      this.#controlFrames = 0;
    }
    if (++this.#controlFrames > MAX_CONTROL_FRAMES) {
      throw broken("Too many control frames", ErrorCode.calm);
    }
  }
}
