/**
 * One request and its response on an HTTP/2 connection.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import type { Dispatcher } from "undici";
import { broken, ErrorCode, Http2Fault, SharedFault } from "./fault.ts";
import type { Field } from "./header_block.ts";
import { ReceiveWindow } from "./receive_window.ts";
import { STREAM_WINDOW } from "./settings.ts";

/** A request, in the form of undici's dispatchers. */
export interface UpstreamRequest {
  /** `https://name`, with its port unless that is 443. */
  readonly origin: string;
  /** Path and query. */
  readonly path: string;
  /** Upper case. */
  readonly method: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** The spelling of header names for HTTP/1.1, by the name in lower case. */
  readonly names?: Readonly<Record<string, string>>;
  /** The complete body. */
  readonly body: string | Uint8Array | null;
}

/** Handles a response, in the form of undici's dispatchers. */
export interface UpstreamHandler extends Dispatcher.DispatchHandler {
  /** The server did not process the request: it will be sent again, or has failed. */
  onUntouched?(): void;
}

/** A request and the handler of its response. */
export interface Ticket {
  /** The request. */
  readonly request: UpstreamRequest;
  /** Handles its response. */
  readonly handler: UpstreamHandler;
  /** The number of connections it was sent on. */
  tries: number;
}

/** What a stream needs from its connection. */
export interface StreamOwner {
  /** Removes the stream and resets it at the server. */
  drop(stream: Http2Stream, code: number): void;
  /** Allows the server to send more bytes on the stream. */
  grant(stream: Http2Stream, bytes: number): void;
}

const NAME = /^[!#$%&'*+.^_`|~0-9a-z-]+$/;
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
/** RFC 9113 §8.2.2: connection-specific headers are not allowed. */
const CONNECTION_HEADERS = new Set(["connection", "keep-alive", "proxy-connection", "upgrade"]);

/** A running request, and the controller by which its handler ends it. */
export class Http2Stream implements Dispatcher.DispatchController {
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
  aborted = false;
  paused = false;
  reason: Error | null = null;
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
    const { body } = ticket.request;
    this.unsent = typeof body === "string" ? Buffer.from(body) : body ?? new Uint8Array();
    this.#owner = owner;
  }

  /** Ends it from our side; its handler is not called again. */
  abort(reason: Error): void {
    if (this.aborted) return;
    this.aborted = true;
    this.reason = reason;
    this.#owner.drop(this, ErrorCode.cancel);
  }

  /** The server may fill its window and then has to wait. */
  pause(): void {
    this.paused = true;
  }

  /** The server may continue to send. */
  resume(): void {
    if (!this.paused) return;
    this.paused = false;
    this.#grant();
  }

  /** The request as header fields; throws an `Http2Fault` when one is not valid. */
  fields(): Field[] {
    const { origin, path, method, headers, body } = this.ticket.request;
    const fields: Field[] = [
      [":method", method],
      [":scheme", "https"],
      [":authority", new URL(origin).host],
      [":path", path],
      ...Object.entries(headers),
    ];
    if (body !== null || method === "POST" || method === "PUT" || method === "PATCH") {
      fields.push(["content-length", String(this.unsent.length)]);
    }
    for (const [name, value] of fields) {
      if (!NAME.test(name.replace(/^:/, "")) || !VALUE.test(value)) {
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
    const { status, headers } = readHead(fields);
    if (status < 200) {
      if (isLast || status === 101) throw broken("An interim response ends the stream");
      this.ticket.handler.onResponseStart?.(this, status, headers);
      return false;
    }
    this.answered = true;
    const length = headers["content-length"];
    const hasBody = this.ticket.request.method !== "HEAD" && status !== 204 && status !== 304;
    if (length !== undefined && hasBody) {
      // Two lengths arrive as a list and are refused as well.
      if (typeof length !== "string" || !/^\d+$/.test(length)) {
        throw broken("The Content-Length is not a number");
      }
      this.#expected = Number(length);
    }
    this.ticket.handler.onResponseStart?.(this, status, headers);
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
    if (chunk.length > 0) this.ticket.handler.onResponseData?.(this, ownCopy(chunk));
    if (this.aborted) return false;
    if (isLast) return this.#checkLength();
    if (!this.paused) this.#grant();
    return false;
  }

  /** The response is complete. */
  end(): void {
    this.aborted = true;
    this.ticket.handler.onResponseEnd?.(this, {});
  }

  /** The response will not be completed. */
  fail(error: Error): void {
    if (this.aborted) return;
    this.aborted = true;
    this.reason = error;
    this.ticket.handler.onResponseError?.(this, error);
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
  const headers: Record<string, string | string[]> = Object.create(null);
  for (const [name, value] of others) {
    if (!NAME.test(name) || !VALUE.test(value)) throw broken("A response header is malformed");
    if (CONNECTION_HEADERS.has(name)) continue;
    const before = headers[name];
    if (typeof before === "object") before.push(value);
    else headers[name] = before === undefined ? value : [before, value];
  }
  return { status: Number(first[1]), headers };
}
