/**
 * One request and its answer on a connection that speaks HTTP/2.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import type { Dispatcher } from "undici";
import { broken, ErrorCode, Http2Fault, SharedFault } from "./fault.ts";
import type { Field } from "./header_block.ts";
import { ReceiveWindow } from "./receive_window.ts";
import { STREAM_WINDOW } from "./settings.ts";

/** A request, in the words of undici's dispatchers. */
export interface UpstreamRequest {
  /** `https://name`, with its port unless that is 443. */
  readonly origin: string;
  /** Path and query. */
  readonly path: string;
  /** In capitals. */
  readonly method: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** All of it. */
  readonly body: string | Uint8Array | null;
}

/** Who is told of an answer, in the words of undici's dispatchers. */
export interface UpstreamHandler extends Dispatcher.DispatchHandler {
  /** The server has not touched the request, and will not: it begins anew, or has failed. */
  onUntouched?(): void;
}

/** A request, and who is told of its answer. */
export interface Ticket {
  /** What is asked. */
  readonly request: UpstreamRequest;
  /** Who is told. */
  readonly handler: UpstreamHandler;
  /** On how many connections it was begun. */
  tries: number;
}

/** What a stream needs of its connection. */
export interface StreamHome {
  /** Forgets the stream, and tells the server so. */
  drop(stream: Http2Stream, code: number): void;
  /** Lets the server send so many bytes more. */
  grant(stream: Http2Stream, bytes: number): void;
}

const NAME = /^[!#$%&'*+.^_`|~0-9a-z-]+$/;
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
/** RFC 9113 §8.2.2: they mean nothing here. */
const OF_CONNECTIONS = new Set(["connection", "keep-alive", "proxy-connection", "upgrade"]);

/** A request under way. It is also what its handler ends it by. */
export class Http2Stream implements Dispatcher.DispatchController {
  /** Odd, and growing. */
  readonly id: number;
  /** What it is about. */
  readonly ticket: Ticket;
  /** When it began, by the clock that only grows. */
  readonly begunAt: number;
  /** How much the server takes at present; below zero when it has changed its mind. */
  sendWindow: number;
  /** What of the body has not left yet. */
  unsent: Uint8Array;
  /** Whether an answer has begun. */
  answered = false;
  aborted = false;
  paused = false;
  reason: Error | null = null;
  readonly #home: StreamHome;
  readonly #window = new ReceiveWindow(STREAM_WINDOW);
  #received = 0;
  #expected: number | undefined;

  /** Begins; nothing is sent yet. */
  constructor(
    ticket: Ticket,
    home: StreamHome,
    { id, begunAt, sendWindow }: { id: number; begunAt: number; sendWindow: number },
  ) {
    this.ticket = ticket;
    this.id = id;
    this.begunAt = begunAt;
    this.sendWindow = sendWindow;
    const { body } = ticket.request;
    this.unsent = typeof body === "string" ? Buffer.from(body) : body ?? new Uint8Array();
    this.#home = home;
  }

  /** Ends it from our side; its handler hears no more. */
  abort(reason: Error): void {
    if (this.aborted) return;
    this.aborted = true;
    this.reason = reason;
    this.#home.drop(this, ErrorCode.cancel);
  }

  /** The server may fill its window, and then waits. */
  pause(): void {
    this.paused = true;
  }

  /** The server may go on. */
  resume(): void {
    if (!this.paused) return;
    this.paused = false;
    this.#grant();
  }

  /** The request as fields; throws an `Http2Fault` when it cannot be written. */
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
        throw new Http2Fault("bad_request", "A header cannot be written");
      }
    }
    return fields;
  }

  /** A head came, or trailers; `true` when the answer is whole. */
  takeFields(fields: readonly Field[], isLast: boolean): boolean {
    if (this.answered) {
      if (!isLast) throw broken("Trailers come last");
      return this.#isWhole();
    }
    const { status, headers } = readHead(fields);
    if (status < 200) {
      if (isLast || status === 101) throw broken("An answer ends before it begins");
      return false;
    }
    this.answered = true;
    const length = headers["content-length"];
    const hasBody = this.ticket.request.method !== "HEAD" && status !== 204 && status !== 304;
    if (length !== undefined && hasBody) {
      // A list is no length, so that two lengths are refused as well.
      if (typeof length !== "string" || !/^\d+$/.test(length)) throw broken("A length is none");
      this.#expected = Number(length);
    }
    this.ticket.handler.onResponseStart?.(this, status, headers);
    return isLast && !this.aborted && this.#isWhole();
  }

  /** A piece of the body came, in a frame of so many bytes; `true` when the answer is whole. */
  takeData(piece: Buffer, frameBytes: number, isLast: boolean): boolean {
    if (!this.answered) throw broken("A body comes before its head");
    this.#window.take(frameBytes);
    this.#received += piece.length;
    if (this.#received > (this.#expected ?? Infinity)) throw broken("More than was promised");
    if (piece.length > 0) this.ticket.handler.onResponseData?.(this, ownCopy(piece));
    if (this.aborted) return false;
    if (isLast) return this.#isWhole();
    if (!this.paused) this.#grant();
    return false;
  }

  /** All of the answer has come. */
  end(): void {
    this.aborted = true;
    this.ticket.handler.onResponseEnd?.(this, {});
  }

  /** It will not come to its end. */
  fail(error: Error): void {
    if (this.aborted) return;
    this.aborted = true;
    this.reason = error;
    this.ticket.handler.onResponseError?.(this, error);
  }

  #isWhole(): true {
    if (this.#received !== (this.#expected ?? this.#received)) {
      throw broken("Less than was promised");
    }
    return true;
  }

  #grant(): void {
    if (this.aborted) return;
    const more = this.#window.refill();
    if (more > 0) this.#home.grant(this, more);
  }
}

/** Ends streams by what has befallen their connection: one tells why, the others that they share it. */
export function failTogether([first, ...others]: readonly Http2Stream[], cause: Error): void {
  first?.fail(cause);
  for (const stream of others) stream.fail(new SharedFault("Lost with others", { cause }));
}

/** What came with it is of other streams: whoever reads a piece may free its memory. */
function ownCopy(piece: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(piece.length);
  piece.copy(copy);
  return copy;
}

/** Splits a head; throws an `Http2Fault` when it is none (RFC 9113 §8.3.2). */
function readHead(fields: readonly Field[]) {
  const [first, ...others] = fields;
  if (first?.[0] !== ":status" || !/^[1-9]\d\d$/.test(first[1])) throw broken("A status is none");
  const headers: Record<string, string | string[]> = Object.create(null);
  for (const [name, value] of others) {
    if (!NAME.test(name) || !VALUE.test(value)) throw broken("A header is none");
    if (OF_CONNECTIONS.has(name)) continue;
    const before = headers[name];
    if (typeof before === "object") before.push(value);
    else headers[name] = before === undefined ? value : [before, value];
  }
  return { status: Number(first[1]), headers };
}
