/**
 * The client side of an HTTP/2 connection (RFC 9113).
 *
 * It is implemented here because `node:http2` of Deno 2.9.6 frees a session
 * that is still reading: any server could end the process. Remove this folder
 * once `node:http2` passes tests/channels/http2/attack_test.ts.
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
import { failTogether, Http2Stream, type StreamOwner } from "./stream.ts";
import type { Ticket } from "../upstream.ts";
import { Wire, type WireListener, type WireOptions } from "./wire.ts";

/** What a connection needs, and its callbacks. */
export interface SessionOptions extends WireOptions {
  /** The longest that the server may take to send its settings, in milliseconds. */
  readonly beginMs: number;
  /** The server did not process this request; with `http11` it asks for HTTP/1.1. */
  readonly onUntouched: (ticket: Ticket, http11: boolean) => void;
  /** Called once, when the connection takes no more requests. */
  readonly onRetired: () => void;
}

const MAX_ID = 2 ** 31 - 1;
/** Concurrent streams that we open, even when the server allows more. */
const MAX_STREAMS = 100;
/** A connection without requests is closed after this time. */
const IDLE_MS = 10_000;

/** One connection. */
export class Http2Session implements StreamOwner, WireListener {
  /** Resolves once the server has sent its settings; rejects with an `Http2Fault` when it does not. */
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

  /** Starts on a TLS socket that has negotiated `h2`. */
  constructor(socket: Socket, options: SessionOptions) {
    const { clock, beginMs, maxHeaderBytes } = options;
    this.#socket = socket;
    this.#options = options;
    this.begun = this.#beginning.promise;
    const silent = new Http2Fault("timeout", "The server did not send its settings in time");
    this.#undoWait = clock.after(beginMs, () => this.lost(silent));
    this.#wire = new Wire(socket, this, options);
    this.closed = this.#wire.closed;
    this.#bodies = new Bodies(this.#wire, this.#streams);
    if (socket.destroyed) queueMicrotask(() => this.lost());
    this.#wire.write(greeting(maxHeaderBytes));
  }

  /** How many more requests can be sent now. */
  get freeStreams(): number {
    if (this.#isRetired || !this.#server) return 0;
    return Math.min(this.#server.maxStreams, MAX_STREAMS) - this.#streams.size;
  }

  /** Sends a request; call it only while `freeStreams` is above zero. */
  request(ticket: Ticket): void {
    const { clock } = this.#options;
    if (!this.#server) {
      throw new Error("Cannot send a request: the server has not sent its settings");
    }
    const { initialWindow, maxFrame } = this.#server;
    const at = { id: this.#nextId, begunAt: clock.monotonic(), sendWindow: initialWindow };
    const stream = new Http2Stream(ticket, this, at);
    ticket.tries++;
    ticket.handler.onRequestStart(stream);
    if (stream.aborted) return;
    try {
      const block = writeHeaders(stream.fields());
      ticket.handler.onSending?.(this.#socket);
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

  /** Closes the connection and fails its requests. */
  close(): Promise<void> {
    this.lost();
    return this.closed;
  }

  drop(stream: Http2Stream, code: number): void {
    if (!this.#streams.delete(stream.id)) return;
    this.#wire.write(numbersFrame(FrameType.reset, stream.id, code));
    // A server that sent nothing since the request started may be gone.
    if (this.#wire.lastReadAt < stream.begunAt) this.#retire();
    this.#closeWhenIdle();
  }

  grant(stream: Http2Stream, bytes: number): void {
    this.#wire.write(numbersFrame(FrameType.windowUpdate, stream.id, bytes));
  }

  drained(): void {
    this.#bodies.send();
  }

  lost(
    cause: Error = new Http2Fault("connection_reset", "The connection was lost", ErrorCode.none),
  ): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#undoWait();
    this.#retire();
    this.#wire.leave(cause instanceof Http2Fault ? cause.goAwayCode : ErrorCode.none);
    this.#beginning.promise.catch(() => {});
    this.#beginning.reject(cause);
    const streams = [...this.#streams.values()];
    this.#streams.clear();
    failTogether(streams, cause);
  }

  takeFrame(frame: Frame): void {
    const { type, streamId, payload } = frame;
    if (type === FrameType.settings) return this.#takeSettings(frame);
    if (!this.#server) throw broken("The first frame is not SETTINGS");
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
        throw broken("Server push is disabled");
        // Unknown types are ignored (RFC 9113 §5.5).
    }
  }

  takeFields(streamId: number, fields: readonly Field[], isLast: boolean): void {
    const stream = this.#streamOf(streamId);
    if (stream) this.#pass(stream, () => stream.takeFields(fields, isLast));
  }

  #takeSettings({ flags, streamId, payload }: Frame): void {
    if (streamId !== 0) throw broken("SETTINGS on a stream");
    if (flags & Flag.ack) return;
    const before = this.#server;
    this.#server = readSettings(payload, before);
    this.#wire.reply(FrameType.settings, new Uint8Array());
    if (!before) {
      this.#beginning.resolve();
      return this.#closeWhenIdle();
    }
    this.#bodies.shift(this.#server.initialWindow - before.initialWindow);
  }

  #takeData(frame: Frame): void {
    const { flags, payload, streamId } = frame;
    const chunk = unpadded(frame);
    this.#window.take(payload.length);
    const more = this.#window.refill();
    if (more > 0) this.#wire.write(numbersFrame(FrameType.windowUpdate, 0, more));
    const stream = this.#streamOf(streamId);
    const isLast = (flags & Flag.endStream) !== 0;
    if (stream) this.#pass(stream, () => stream.takeData(chunk, payload.length, isLast));
  }

  /** Passes a frame to its stream; a fault of one stream does not end the others. */
  #pass(stream: Http2Stream, take: () => boolean): void {
    try {
      if (!take()) return;
    } catch (error) {
      if (!(error instanceof Http2Fault)) throw error;
      stream.fail(error);
      return this.drop(stream, error.goAwayCode);
    }
    // The response was complete before the request was sent: the rest is not sent.
    if (stream.unsent.length > 0) this.drop(stream, ErrorCode.cancel);
    this.#streams.delete(stream.id);
    this.#wire.resetControlFrames();
    stream.end();
    this.#closeWhenIdle();
  }

  #takeReset(stream: Http2Stream | undefined, code: number): void {
    if (!stream) return;
    this.#streams.delete(stream.id);
    const isUntouched = code === ErrorCode.refused || code === ErrorCode.http11;
    if (isUntouched && !stream.answered) this.#returnTicket(stream, code);
    else stream.fail(new Http2Fault("connection_reset", `The server reset the stream: ${code}`));
    this.#closeWhenIdle();
  }

  #takeGoAway(lastId: number, code: number): void {
    this.#retire();
    for (const stream of [...this.#streams.values()]) {
      if (stream.id <= lastId || !this.#streams.delete(stream.id)) continue;
      if (stream.answered) {
        stream.fail(new Http2Fault("connection_reset", "The server closed the connection"));
      } else this.#returnTicket(stream, code);
    }
    this.#closeWhenIdle();
  }

  #returnTicket(stream: Http2Stream, code: number): void {
    if (stream.aborted) return;
    stream.aborted = true;
    stream.ticket.handler.onUntouched?.();
    this.#options.onUntouched(stream.ticket, code === ErrorCode.http11);
  }

  /** The stream with this id; `undefined` when it has ended. */
  #streamOf(id: number): Http2Stream | undefined {
    if (id % 2 === 0 || id >= this.#nextId) {
      throw broken("A frame for a stream that was never opened");
    }
    return this.#streams.get(id);
  }

  #retire(): void {
    if (this.#isRetired) return;
    this.#isRetired = true;
    this.#options.onRetired();
  }

  /** Without requests: closes the connection after a while, or now when it takes no more. */
  #closeWhenIdle(): void {
    if (this.#streams.size > 0 || this.#isOver) return;
    if (this.#isRetired) return this.lost();
    this.#undoWait();
    this.#undoWait = this.#options.clock.after(IDLE_MS, () => this.lost());
  }
}
