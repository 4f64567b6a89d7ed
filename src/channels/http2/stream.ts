/**
 * One request and its response on an HTTP/2 connection.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { broken, ErrorCode, Http2Fault, SharedFault } from "./fault.ts";
import type { Field } from "./header_block.ts";
import { ReceiveWindow } from "./receive_window.ts";
import { STREAM_WINDOW } from "./settings.ts";
import {
  bytesOf,
  isField,
  tellsLength,
  type Ticket,
  type UpstreamController,
} from "../upstream.ts";

/** What a stream needs from its connection. */
export interface StreamOwner {
  /** Removes the stream and resets it at the server. */
  drop(stream: Http2Stream, code: number): void;
  /** Allows the server to send more bytes on the stream. */
  grant(stream: Http2Stream, bytes: number): void;
}

/** RFC 9113 §8.2.2: connection-specific headers are not allowed. */
const CONNECTION_HEADERS = new Set(["connection", "keep-alive", "proxy-connection", "upgrade"]);

/** A running request, and the controller by which its handler ends it. */
export class Http2Stream implements UpstreamController {
  /** Odd and increasing. */
  readonly id: number;
  /** The request and its handler. */
  readonly ticket: Ticket;
  /** When it started, on the monotonic clock. */
  readonly begunAt: number;
  /** Bytes that the server accepts; negative when it has reduced its initial window. */
  sendWindow: number;
  /** The rest of the body that is not sent yet. */
  unsent: Uint8Array;
  /** Whether the response has started. */
  answered = false;
  /** Whether its handler is not called any more. */
  aborted = false;
  #isPaused = false;
  readonly #owner: StreamOwner;
  readonly #window = new ReceiveWindow(STREAM_WINDOW);
  #received = 0;
  #expected: number | undefined;

  /** Creates the stream; sends nothing. */
  constructor(
    ticket: Ticket,
    owner: StreamOwner,
    { id, begunAt, sendWindow }: { id: number; begunAt: number; sendWindow: number },
  ) {
    this.ticket = ticket;
    this.id = id;
    this.begunAt = begunAt;
    this.sendWindow = sendWindow;
    this.unsent = bytesOf(ticket.request.body);
    this.#owner = owner;
  }

  abort(): void {
    if (this.aborted) return;
    this.aborted = true;
    this.#owner.drop(this, ErrorCode.cancel);
  }

  /** The server may fill its window and then has to wait. */
  pause(): void {
    this.#isPaused = true;
  }

  /** The server may continue to send. */
  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#grant();
  }

  /** The request as header fields; throws an `Http2Fault` when one is not valid. */
  fields(): Field[] {
    const { origin, path, method, headers } = this.ticket.request;
    const fields: Field[] = [
      [":method", method],
      [":scheme", "https"],
      [":authority", new URL(origin).host],
      [":path", path],
      ...Object.entries(headers),
    ];
    if (tellsLength(method, this.unsent.length)) {
      fields.push(["content-length", String(this.unsent.length)]);
    }
    for (const [name, value] of fields) {
      if (!isField(name.replace(/^:/, ""), value)) {
        throw new Http2Fault("bad_request", "A request header is not valid in HTTP/2");
      }
    }
    return fields;
  }

  /** A head or trailers arrived; returns whether the response is complete. */
  takeFields(fields: readonly Field[], isLast: boolean): boolean {
    if (this.answered) {
      if (!isLast) throw broken("The trailers do not end the stream");
      return this.#checkLength();
    }
    const { status, headers, length } = readHead(fields);
    if (status < 200) {
      if (isLast || status === 101) throw broken("An interim response ends the stream");
      this.ticket.handler.onResponseStart(this, status, headers);
      return false;
    }
    this.answered = true;
    const hasBody = this.ticket.request.method !== "HEAD" && status !== 204 && status !== 304;
    if (length !== undefined && hasBody) {
      // Two lengths arrive as a list and are refused as well.
      if (!/^\d+$/.test(length)) {
        throw broken("The Content-Length is not a number");
      }
      this.#expected = Number(length);
    }
    this.ticket.handler.onResponseStart(this, status, headers);
    return isLast && !this.aborted && this.#checkLength();
  }

  /** A chunk of the body arrived in a frame of `frameBytes`; returns whether the response is complete. */
  takeData(chunk: Buffer, frameBytes: number, isLast: boolean): boolean {
    if (!this.answered) throw broken("The body arrived before the head");
    this.#window.take(frameBytes);
    this.#received += chunk.length;
    if (this.#received > (this.#expected ?? Infinity)) {
      throw broken("The body is longer than its Content-Length");
    }
    if (chunk.length > 0) this.ticket.handler.onResponseData(this, ownCopy(chunk));
    if (this.aborted) return false;
    if (isLast) return this.#checkLength();
    if (!this.#isPaused) this.#grant();
    return false;
  }

  /** The response is complete. */
  end(): void {
    this.aborted = true;
    this.ticket.handler.onResponseEnd();
  }

  /** The response will not be completed. */
  fail(error: Error): void {
    if (this.aborted) return;
    this.aborted = true;
    this.ticket.handler.onResponseError(error);
  }

  #checkLength(): true {
    if (this.#received !== (this.#expected ?? this.#received)) {
      throw broken("The body is shorter than its Content-Length");
    }
    return true;
  }

  #grant(): void {
    if (this.aborted) return;
    const more = this.#window.refill();
    if (more > 0) this.#owner.grant(this, more);
  }
}

/** Fails all streams of a lost connection: the first with its cause, the others with a `SharedFault`. */
export function failTogether([first, ...others]: readonly Http2Stream[], cause: Error): void {
  first?.fail(cause);
  for (const stream of others) stream.fail(new SharedFault("The connection was lost", { cause }));
}

/** A copy, because a consumer may free the memory of its chunk and the buffer belongs to other streams too. */
function ownCopy(chunk: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(chunk.length);
  chunk.copy(copy);
  return copy;
}

/** Reads a response head; throws an `Http2Fault` when it is malformed (RFC 9113 §8.3.2). */
function readHead(fields: readonly Field[]) {
  const [first, ...others] = fields;
  if (first?.[0] !== ":status" || !/^[1-9]\d\d$/.test(first[1])) {
    throw broken("The status is not a number");
  }
  const headers: string[] = [];
  let length: string | undefined;
  for (const [name, value] of others) {
    // RFC 9113 §8.2.1: names are in lower case.
    if (!isField(name, value) || name !== name.toLowerCase()) {
      throw broken("A response header is malformed");
    }
    if (CONNECTION_HEADERS.has(name)) continue;
    if (name === "content-length") length = length === undefined ? value : `${length}, ${value}`;
    headers.push(name, value);
  }
  return { status: Number(first[1]), headers, length };
}
