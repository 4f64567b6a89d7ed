/**
 * A connection that speaks HTTP/2, from our side (RFC 9113).
 *
 * It is written out here because `node:http2` of Deno 2.9.6 frees a session
 * that is still reading: any server could have ended the process.
 *
 * @module
 */

import type { Socket } from "node:net";
import { Bodies } from "./bodies.ts";
import { broken, ErrorCode, Http2Fault } from "./fault.ts";
import { Flag, type Frame, FrameType, headersFrames, numbersFrame, unpadded } from "./frames.ts";
import { type Field, writeHeaders } from "./header_block.ts";
import { ReceiveWindow } from "./receive_window.ts";
import { greeting, readSettings, type ServerSettings, SESSION_WINDOW } from "./settings.ts";
import { failTogether, Http2Stream, type StreamHome, type Ticket } from "./stream.ts";
import { Wire, type WireListener, type WireOptions } from "./wire.ts";

/** What a connection needs, and whom it tells. */
export interface SessionOptions extends WireOptions {
  /** The longest that the server may take to begin, in milliseconds. */
  readonly beginMs: number;
  /** Called just before the first byte of each request leaves. */
  readonly onSending: (socket: Socket) => void;
  /** The server has not touched this request; `http11`: it will, over HTTP/1.1. */
  readonly onUntouched: (ticket: Ticket, http11: boolean) => void;
  /** Called once: no more requests are taken here. */
  readonly onRetired: () => void;
}

const MAX_ID = 2 ** 31 - 1;
/** Streams that we open beside each other, whatever the server allows. */
const MAX_STREAMS = 100;
/** A connection without a request is kept so long. */
const IDLE_MS = 10_000;

/** A connection. */
export class Http2Session implements StreamHome, WireListener {
  /** Resolves once the server has begun; rejects with an `Http2Fault` when it does not. */
  readonly begun: Promise<void>;
  /** Resolves once the socket is closed. */
  readonly closed: Promise<void>;
  readonly #socket: Socket;
  readonly #wire: Wire;
  readonly #bodies: Bodies;
  readonly #options: SessionOptions;
  readonly #streams = new Map<number, Http2Stream>();
  readonly #window = new ReceiveWindow(SESSION_WINDOW);
  readonly #beginning = Promise.withResolvers<void>();
  #server: ServerSettings | undefined;
  #isRetired = false;
  #isOver = false;
  #nextId = 1;
  #undoWait: () => void;

  /** Begins on a socket that speaks TLS and has agreed on `h2`. */
  constructor(socket: Socket, options: SessionOptions) {
    const { clock, beginMs, mostHeaderBytes } = options;
    this.#socket = socket;
    this.#options = options;
    this.begun = this.#beginning.promise;
    const mute = new Http2Fault("timeout", "The server does not begin");
    this.#undoWait = clock.after(beginMs, () => this.lost(mute));
    this.#wire = new Wire(socket, this, options);
    this.closed = this.#wire.closed;
    this.#bodies = new Bodies(this.#wire, this.#streams);
    if (socket.destroyed) queueMicrotask(() => this.lost());
    this.#wire.write(greeting(mostHeaderBytes));
  }

  /** How many more requests may begin. */
  get room(): number {
    if (this.#isRetired || !this.#server) return 0;
    return Math.min(this.#server.maxStreams, MAX_STREAMS) - this.#streams.size;
  }

  /** Begins a request, where there is room for it. */
  request(ticket: Ticket): void {
    const { clock, onSending } = this.#options;
    if (!this.#server) throw new Error("Cannot send a request: the server has not begun");
    const { initialWindow, maxFrame } = this.#server;
    const at = { id: this.#nextId, begunAt: clock.monotonic(), sendWindow: initialWindow };
    const stream = new Http2Stream(ticket, this, at);
    ticket.tries++;
    ticket.handler.onRequestStart?.(stream, undefined);
    if (stream.aborted) return;
    try {
      const block = writeHeaders(stream.fields());
      onSending(this.#socket);
      this.#undoWait();
      this.#nextId += 2;
      this.#streams.set(stream.id, stream);
      this.#wire.write(headersFrames(stream.id, block, stream.unsent.length === 0, maxFrame));
    } catch (error) {
      return stream.fail(error as Error);
    }
    if (this.#nextId > MAX_ID) this.#retire();
    this.#bodies.send();
  }

  /** Ends it, and what is under way. */
  close(): Promise<void> {
    this.lost();
    return this.closed;
  }

  drop(stream: Http2Stream, code: number): void {
    if (!this.#streams.delete(stream.id)) return;
    this.#wire.write(numbersFrame(FrameType.reset, stream.id, code));
    // A server that has been mute all the while may be gone for good.
    if (this.#wire.heardAt < stream.begunAt) this.#retire();
    this.#rest();
  }

  grant(stream: Http2Stream, bytes: number): void {
    this.#wire.write(numbersFrame(FrameType.windowUpdate, stream.id, bytes));
  }

  drained(): void {
    this.#bodies.send();
  }

  lost(cause: Error = new Http2Fault("connection_reset", "Lost", ErrorCode.none)): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#undoWait();
    this.#retire();
    this.#wire.leave(cause instanceof Http2Fault ? cause.said : ErrorCode.none);
    this.#beginning.promise.catch(() => {});
    this.#beginning.reject(cause);
    const streams = [...this.#streams.values()];
    this.#streams.clear();
    failTogether(streams, cause);
  }

  takeFrame(frame: Frame): void {
    const { type, streamId, payload } = frame;
    if (type === FrameType.settings) return this.#takeSettings(frame);
    if (!this.#server) throw broken("The server does not begin with its settings");
    switch (type) {
      case FrameType.data:
        return this.#takeData(frame);
      case FrameType.reset:
        return this.#takeReset(this.#streamOf(streamId), payload.readUInt32BE(0));
      case FrameType.goAway:
        return this.#takeGoAway(payload.readUInt32BE(0) & MAX_ID, payload.readUInt32BE(4));
      case FrameType.windowUpdate:
        return this.#bodies.grow(
          payload.readUInt32BE(0) & MAX_ID,
          streamId === 0 ? "all" : this.#streamOf(streamId),
        );
      case FrameType.push:
        throw broken("Nobody wants to be pushed to");
        // Others are to be ignored (RFC 9113 §5.5).
    }
  }

  takeFields(streamId: number, fields: readonly Field[], isLast: boolean): void {
    const stream = this.#streamOf(streamId);
    if (stream) this.#tell(stream, () => stream.takeFields(fields, isLast));
  }

  #takeSettings({ flags, streamId, payload }: Frame): void {
    if (streamId !== 0) throw broken("Settings are for the connection");
    if (flags & Flag.ack) return;
    const before = this.#server;
    this.#server = readSettings(payload, before);
    this.#wire.reply(FrameType.settings, new Uint8Array());
    if (!before) {
      this.#beginning.resolve();
      return this.#rest();
    }
    this.#bodies.shift(this.#server.initialWindow - before.initialWindow);
  }

  #takeData(frame: Frame): void {
    const { flags, payload, streamId } = frame;
    const piece = unpadded(frame);
    this.#window.take(payload.length);
    const more = this.#window.refill();
    if (more > 0) this.#wire.write(numbersFrame(FrameType.windowUpdate, 0, more));
    const stream = this.#streamOf(streamId);
    const isLast = (flags & Flag.endStream) !== 0;
    if (stream) this.#tell(stream, () => stream.takeData(piece, payload.length, isLast));
  }

  /** Has a stream take what came for it; what is wrong with it is wrong with no other. */
  #tell(stream: Http2Stream, take: () => boolean): void {
    try {
      if (!take()) return;
    } catch (error) {
      if (!(error instanceof Http2Fault)) throw error;
      stream.fail(error);
      return this.drop(stream, error.said);
    }
    // An answer may come before all of its request has left: then the rest never does.
    if (stream.unsent.length > 0) this.drop(stream, ErrorCode.cancel);
    this.#streams.delete(stream.id);
    this.#wire.forgive();
    stream.end();
    this.#rest();
  }

  #takeReset(stream: Http2Stream | undefined, code: number): void {
    if (!stream) return;
    this.#streams.delete(stream.id);
    const isUntouched = code === ErrorCode.refused || code === ErrorCode.http11;
    if (isUntouched && !stream.answered) this.#handBack(stream, code);
    else stream.fail(new Http2Fault("connection_reset", `The server ended it: ${code}`));
    this.#rest();
  }

  #takeGoAway(lastId: number, code: number): void {
    this.#retire();
    for (const stream of [...this.#streams.values()]) {
      if (stream.id <= lastId || !this.#streams.delete(stream.id)) continue;
      if (stream.answered) stream.fail(new Http2Fault("connection_reset", "The server went away"));
      else this.#handBack(stream, code);
    }
    this.#rest();
  }

  #handBack(stream: Http2Stream, code: number): void {
    if (stream.aborted) return;
    stream.aborted = true;
    stream.ticket.handler.onUntouched?.();
    this.#options.onUntouched(stream.ticket, code === ErrorCode.http11);
  }

  /** A stream that is under way; `undefined` when it is over. */
  #streamOf(id: number): Http2Stream | undefined {
    if (id % 2 === 0 || id >= this.#nextId) throw broken("Nobody has opened this stream");
    return this.#streams.get(id);
  }

  #retire(): void {
    if (this.#isRetired) return;
    this.#isRetired = true;
    this.#options.onRetired();
  }

  /** Where no request is left: waits for the next a while, or closes. */
  #rest(): void {
    if (this.#streams.size > 0 || this.#isOver) return;
    if (this.#isRetired) return this.lost();
    this.#undoWait();
    this.#undoWait = this.#options.clock.after(IDLE_MS, () => this.lost());
  }
}
