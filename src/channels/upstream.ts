/**
 * A request to a server and its response, as both versions of HTTP know them.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import type { Socket } from "node:net";

/** A request. */
export interface UpstreamRequest {
  /** `https://name`, with its port unless that is the protocol's own. */
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

/** The headers of a response as they came: a name in lower case and its value in turn. */
export type RawHeaders = readonly string[];

/** Ends or slows down a request. */
export interface UpstreamController {
  /** Ends it from our side; its handler is not called again. */
  abort(): void;
  /** Asks for no more of the body for now; some of it may still come. */
  pause(): void;
  /** Asks for the rest. */
  resume(): void;
}

/** Handles a response. No call follows `onResponseEnd` or `onResponseError`. */
export interface UpstreamHandler {
  /** The request has a connection, and is sent next unless it is aborted now. */
  onRequestStart(controller: UpstreamController): void;
  /** The first byte of the request is sent on this socket next. */
  onSending?(socket: Socket): void;
  /** The server did not process the request: it will be sent again, or has failed. */
  onUntouched?(): void;
  /** A head: interim while the status is below 200. */
  onResponseStart(controller: UpstreamController, status: number, headers: RawHeaders): void;
  /** The next bytes of the body. The handler owns the chunk, and may free its memory. */
  onResponseData(controller: UpstreamController, chunk: Uint8Array): void;
  /** The response is complete. */
  onResponseEnd(): void;
  /** There will be no response, or no more of it. */
  onResponseError(error: Error): void;
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

/** A connection or a request on it has failed. */
export class HttpFault extends Error {
  /** `HttpFault`. */
  override name = "HttpFault";
  /** The code of the task's error. */
  readonly code: "bad_request" | "bad_response" | "connection_reset" | "timeout";

  /** `why` is for the log. */
  constructor(code: HttpFault["code"], why: string) {
    super(why);
    this.code = code;
  }
}

/** Longer response headers are refused. */
export const MAX_HEADER_BYTES = 32_768;

const NAME = /^[!#$%&'*+.^_`|~0-9a-z-]+$/i;
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/** Whether a header may be sent or received (RFC 9110 §5.1, §5.5). */
export function isField(name: string, value: string): boolean {
  return NAME.test(name) && VALUE.test(value);
}

/** Whether the method is safe (RFC 9110 §9.2.1): it changes nothing on the server. */
export function isSafe(method: string): boolean {
  return method === "GET" || method === "HEAD" || method === "OPTIONS" || method === "TRACE";
}

/** The body as bytes. */
export function bytesOf(body: UpstreamRequest["body"]): Uint8Array {
  return typeof body === "string" ? Buffer.from(body) : body ?? EMPTY;
}

/** Whether the length of the body is sent: with some methods also that of none (RFC 9110 §8.6). */
export function tellsLength(method: string, bytes: number): boolean {
  return bytes > 0 || method === "POST" || method === "PUT" || method === "PATCH";
}

const EMPTY = new Uint8Array();
