/**
 * A connection over which HTTP/1.1 requests are sent, one at a time.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import { spelledHeaders } from "../../task/input/request_headers.ts";
import {
  bytesOf,
  HttpFault,
  isField,
  isSafe,
  type RawHeaders,
  tellsLength,
  type Ticket,
  type UpstreamController,
  type UpstreamRequest,
} from "../upstream.ts";
import { KEEP_ALIVE_MS, type ReaderListener, ResponseReader } from "./response_reader.ts";

/** Where a connection belongs. */
export interface ConnectionOwner {
  /** It is free for the next request, for this long. */
  freed(connection: Http1Connection, keepAliveMs: number): void;
  /** It takes no more requests. */
  retired(connection: Http1Connection): void;
  /** It has ended before the first byte of a response; the request may be sent again. */
  returned(ticket: Ticket): void;
}

/** A longer body is sent in pieces of this size, each when the one before has left. */
const PIECE_BYTES = 65_536;
/** With other methods a server may leave a body unread, and take it for the next request. */
const WITH_BODY = new Set(["POST", "PUT", "PATCH", "QUERY", "PROPFIND", "PROPPATCH"]);

/** One connection. */
export class Http1Connection implements ReaderListener {
  /** When it is closed, on the monotonic clock, unless it is used before. */
  closesAt = 0;
  /** Whether it has waited for a request: its server may close it just when one is sent. */
  hasWaited = false;
  /** Resolves once the socket is closed. */
  readonly closed: Promise<void>;
  readonly #socket: Socket;
  readonly #owner: ConnectionOwner;
  readonly #reader: ResponseReader = new ResponseReader(this);
  #exchange: Exchange | undefined;
  #unsent: Uint8Array | undefined;
  #isSent = false;
  #isAnswered = false;
  #mayStay = true;
  #isOver = false;

  /** Takes over a connected socket. */
  constructor(socket: Socket, owner: ConnectionOwner) {
    this.#socket = socket;
    this.#owner = owner;
    this.closed = socket.closed
      ? Promise.resolve()
      : new Promise((resolve) => socket.once("close", () => resolve()));
    socket.on("data", (piece: Buffer) => this.#take(piece));
    socket.on("drain", () => this.#sendMore());
    socket.on("end", () => this.#finish());
    socket.on("error", (error) => this.end(error));
    socket.on("close", () => this.end());
  }

  /** Whether it can take a request. */
  get isFree(): boolean {
    return !this.#isOver && this.#exchange === undefined && !this.#socket.destroyed;
  }

  /** Sends a request; call it only while it is free. */
  send(ticket: Ticket): void {
    const { request, handler } = ticket;
    const exchange = new Exchange(this, ticket);
    this.#exchange = exchange;
    handler.onRequestStart(exchange);
    if (this.#exchange !== exchange) return;
    let head: string;
    const body = bytesOf(request.body);
    try {
      head = headOf(request, body.length);
    } catch (error) {
      this.#exchange = undefined;
      this.#owner.freed(this, KEEP_ALIVE_MS);
      return handler.onResponseError(error as Error);
    }
    // A server may send a body after a HEAD.
    this.#mayStay = request.method !== "HEAD" &&
      (body.length === 0 || WITH_BODY.has(request.method));
    handler.onSending?.(this.#socket);
    this.#isSent = true;
    this.#isAnswered = false;
    this.#reader.expect(request.method);
    if (body.length === 0) return void this.#socket.write(head, "latin1");
    const first = body.subarray(0, PIECE_BYTES);
    this.#unsent = body.length > PIECE_BYTES ? body.subarray(PIECE_BYTES) : undefined;
    const isFlushed = this.#socket.write(Buffer.concat([Buffer.from(head, "latin1"), first]));
    if (isFlushed) this.#sendMore();
  }

  /** Ends it, and fails its request. */
  end(cause?: Error): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#unsent = undefined;
    const exchange = this.#exchange;
    this.#exchange = undefined;
    this.#socket.destroy();
    this.#owner.retired(this);
    if (exchange && this.#mayBeSentAgain(exchange)) return this.#owner.returned(exchange.ticket);
    exchange?.handler.onResponseError(
      cause ?? new HttpFault("connection_reset", "The connection was lost"),
    );
  }

  /** Whether a server that closed a waiting connection is the likely cause (RFC 9112 §9.3.1). */
  #mayBeSentAgain({ ticket }: Exchange): boolean {
    return this.hasWaited && this.#isSent && !this.#isAnswered && isSafe(ticket.request.method);
  }

  /** Ends it because its request was aborted. */
  drop(exchange: Exchange): void {
    if (this.#exchange !== exchange) return;
    this.#exchange = undefined;
    if (this.#isSent) this.end();
    else this.#owner.freed(this, KEEP_ALIVE_MS);
  }

  /** Reads no more for now. */
  pause(exchange: Exchange): void {
    if (this.#exchange === exchange) this.#socket.pause();
  }

  /** Reads on. */
  resume(exchange: Exchange): void {
    if (this.#exchange === exchange) this.#socket.resume();
  }

  takeHead(status: number, headers: RawHeaders): void {
    const exchange = this.#exchange;
    exchange?.handler.onResponseStart(exchange, status, headers);
  }

  takeData(chunk: Buffer): void {
    const exchange = this.#exchange;
    exchange?.handler.onResponseData(exchange, chunk);
  }

  #take(piece: Buffer): void {
    if (this.#isOver) return;
    try {
      this.#isAnswered = true;
      // A connection without a request takes no byte.
      const taken = this.#reader.take(piece);
      if (this.#isOver) return;
      if (this.#reader.isDone) this.#complete(taken === piece.length);
    } catch (error) {
      this.end(error as Error);
    }
  }

  /** The socket will bring no more. */
  #finish(): void {
    if (this.#isOver) return;
    try {
      this.#reader.finish();
      this.#complete(false);
    } catch (error) {
      this.end(error as Error);
    }
  }

  /** The response is complete; a connection that brought more than that is not used again. */
  #complete(mayStay: boolean): void {
    const exchange = this.#exchange;
    this.#exchange = undefined;
    this.#isSent = false;
    const isWritten = this.#unsent === undefined && this.#socket.writableLength === 0;
    const keepAliveMs = this.#reader.keepAliveMs;
    if (exchange && mayStay && this.#mayStay && isWritten && keepAliveMs > 0) {
      if (this.#socket.isPaused()) this.#socket.resume();
      this.#owner.freed(this, keepAliveMs);
    } else this.end();
    exchange?.handler.onResponseEnd();
  }

  #sendMore(): void {
    while (this.#unsent && !this.#isOver) {
      const piece = this.#unsent.subarray(0, PIECE_BYTES);
      this.#unsent = this.#unsent.length > PIECE_BYTES
        ? this.#unsent.subarray(PIECE_BYTES)
        : undefined;
      if (!this.#socket.write(piece)) return;
    }
  }
}

/** A running request, and the controller by which its handler ends it. */
class Exchange implements UpstreamController {
  readonly ticket: Ticket;
  readonly handler: Ticket["handler"];
  readonly #connection: Http1Connection;

  constructor(connection: Http1Connection, ticket: Ticket) {
    this.#connection = connection;
    this.ticket = ticket;
    this.handler = ticket.handler;
  }

  abort(): void {
    this.#connection.drop(this);
  }

  pause(): void {
    this.#connection.pause(this);
  }

  resume(): void {
    this.#connection.resume(this);
  }
}

/** The head of a request; throws an `HttpFault` when a header is not valid. */
function headOf(request: UpstreamRequest, bodyBytes: number): string {
  const { method, path, origin, names } = request;
  const headers = names ? spelledHeaders(request.headers, names) : request.headers;
  const stays = method === "HEAD" ? "close" : "keep-alive";
  const host = origin.slice(origin.indexOf("//") + 2);
  let head = `${method} ${path} HTTP/1.1\r\nhost: ${host}\r\nconnection: ${stays}\r\n`;
  for (const name in headers) {
    const value = headers[name] ?? "";
    if (!isField(name, value)) {
      throw new HttpFault("bad_request", "A request header is not valid in HTTP");
    }
    head += `${name}: ${value}\r\n`;
  }
  if (tellsLength(method, bodyBytes)) head += `content-length: ${bodyBytes}\r\n`;
  return `${head}\r\n`;
}
