/**
 * One HTTP request and its response.
 *
 * @module
 */

import type { Socket } from "node:net";
import { compact } from "../../lib/compact.ts";
import type { Clock } from "../../lib/clock.ts";
import { BufferPool } from "../buffer_pool.ts";
import { BodyError, type BodySink } from "../compute/decoder.ts";
import type { HttpRequest } from "./redirect.ts";
import { takeOpeningTimes } from "../guard/sockets.ts";
import { wasCutOff } from "../guard/tls.ts";
import type { RawHeaders, UpstreamController } from "../upstream.ts";
import { remoteOf } from "./remote.ts";
import type { Upstreams } from "./upstreams.ts";

/** A response without its body. */
export interface ResponseHead {
  /** From 200. */
  readonly status: number;
  /** Names in lower case; repeated headers are joined by a comma. */
  readonly headers: Readonly<Record<string, string>>;
  /** Each `Set-Cookie`, which cannot be joined. */
  readonly cookies?: readonly string[];
}

/** What an exchange needs. */
export interface ExchangeOptions {
  /** Aborts the exchange. */
  readonly signal: AbortSignal;
  /** Measures the timings and the idle bound. */
  readonly clock: Clock;
  /** The longest pause within the body of a response, in milliseconds. */
  readonly idleMsOf: (head: ResponseHead) => number;
  /** Called just before the first byte is sent. */
  readonly onSending: () => void;
  /** Called when the server did not process what was sent. */
  readonly onUntouched: () => void;
  /** Called with the head; returns the sink for the body. May throw to end the exchange. */
  readonly onHead: (head: ResponseHead) => BodySink;
  /** Called after each chunk of the body with the number of encoded bytes so far. */
  readonly onBytes: (bytes: number) => void;
}

/** How an exchange ended. */
export interface Exchanged {
  /** The head of the response, when one arrived. */
  readonly head?: ResponseHead;
  /** What ended the exchange early; the signal's reason after an abort. */
  readonly fault?: { readonly cause: unknown };
  /** `address:port` of the server, once a request was sent. */
  readonly remote?: string;
  /** Encoded bytes of the body that arrived. */
  readonly bytes: number;
  /**
   * Milliseconds: `connect` and `tls` of a new connection (else `connect` is the wait for a
   * free one), `firstByte` until the head arrived, `total` until the end.
   */
  readonly timings: { connect?: number; tls?: number; firstByte?: number; total: number };
}

/**
 * Encoded bytes that may wait for the decoder before the connection is paused.
 * A paused connection may be lost, so it is paused rarely.
 */
const MAX_BACKLOG = 1_048_576;

/** Interim (1xx) responses before the response, and the length of all their headers. */
const MAX_INTERIM = 50;
const MAX_INTERIM_LENGTH = 65_536;
/** A body whose chunks are shorter than this on average is refused once it has had many. */
const MIN_CHUNK_BYTES = 16;
const MANY_CHUNKS = 20_000;

/** Makes one exchange. Always resolves, and immediately when the signal aborts. */
export function exchange(
  upstreams: Upstreams,
  { url, method, headers, names, body }: HttpRequest,
  { signal, clock, idleMsOf, onSending, onUntouched, onHead, onBytes }: ExchangeOptions,
): Promise<Exchanged> {
  const { promise, resolve } = Promise.withResolvers<Exchanged>();
  const begunAt = clock.monotonic();
  const elapsed = () => rounded(clock.monotonic() - begunAt);
  const timings: { connect?: number; tls?: number; firstByte?: number } = {};
  let controller: UpstreamController | undefined;
  let head: ResponseHead | undefined;
  let sink: BodySink | undefined;
  let remote: string | undefined;
  let isCutOff = () => false;
  let received = 0;
  let backlog = 0;
  let chunks = 0;
  const interim = new InterimBound();
  let over = false;
  const buffers = new BufferPool();

  let lastChunkAt = 0;
  let idleMs = 0;
  let undoIdle: (() => void) | undefined;

  /** One timer per body, however many chunks it has. */
  const watchIdle = (waitMs: number) => {
    undoIdle = clock.after(waitMs, () => {
      const leftMs = lastChunkAt + idleMs - clock.monotonic();
      if (leftMs > 0) watchIdle(leftMs);
      else fail(new IdleError());
    });
  };
  const finish = (fault?: { cause: unknown }) => {
    if (over) return;
    over = true;
    undoIdle?.();
    signal.removeEventListener("abort", abort);
    if (fault) {
      sink?.abandon();
      controller?.abort();
    }
    resolve({
      ...compact({ head, fault, remote }),
      bytes: received,
      timings: { ...timings, total: elapsed() },
    });
  };
  const fail = (cause: unknown) => finish({ cause });
  const abort = () => fail(signal.reason);
  const end = () => {
    if (over) return;
    if (head && method !== "HEAD" && endsWithConnection(head) && isCutOff()) {
      return fail(new BodyError("bad_response", CUT_OFF));
    }
    const busy = sink?.end();
    if (busy) busy.then(() => finish(), fail);
    else finish();
  };

  if (signal.aborted) {
    abort();
    return promise;
  }
  signal.addEventListener("abort", abort, { once: true });
  const path = url.pathname + (url.search || emptyQuery(url));
  upstreams.dispatch({
    origin: url.origin,
    path,
    method,
    headers,
    ...compact({ names }),
    body: body ?? null,
  }, {
    onRequestStart(started) {
      controller = started;
      // Aborted while it waited for a connection: nothing must be sent.
      if (over) return started.abort();
      timings.connect = elapsed();
      onSending();
    },
    onSending(socket) {
      remote = remoteOf(socket);
      const { alpnProtocol } = socket as Socket & { alpnProtocol?: unknown };
      isCutOff = () => alpnProtocol !== "h2" && wasCutOff(socket);
      Object.assign(timings, takeOpeningTimes(socket));
    },
    onUntouched,
    onResponseStart(_, status, raw) {
      if (over) return;
      if (status < 200) {
        const error = interim.take(raw);
        return error && fail(error);
      }
      lastChunkAt = clock.monotonic();
      timings.firstByte = rounded(lastChunkAt - begunAt);
      head = { status, ...flatten(raw) };
      try {
        sink = onHead(head);
        idleMs = idleMsOf(head);
        // A short body has ended by then and needs no timer.
        queueMicrotask(() => over || watchIdle(idleMs));
      } catch (error) {
        fail(error);
      }
    },
    onResponseData(at, chunk) {
      if (over || !sink) return;
      received += chunk.length;
      if (++chunks > MANY_CHUNKS && received < chunks * MIN_CHUNK_BYTES) {
        return fail(new BodyError("bad_response", "The body consists of too many small chunks"));
      }
      // A short body comes with its head.
      if (undoIdle) lastChunkAt = clock.monotonic();
      onBytes(received);
      try {
        const buffer = buffers.hold(chunk);
        const { length } = chunk;
        const busy = sink.write(chunk);
        if (!busy) return buffers.release(buffer);
        backlog += length;
        if (backlog > MAX_BACKLOG) at.pause();
        busy.then(() => {
          backlog -= length;
          buffers.release(buffer);
          if (backlog <= MAX_BACKLOG) at.resume();
        }, fail);
      } catch (error) {
        fail(error);
      }
    },
    onResponseEnd: end,
    onResponseError: fail,
  });
  return promise;
}

/** Milliseconds with one decimal. */
function rounded(ms: number): number {
  return Math.round(ms * 10) / 10;
}

/** Counts the interim responses of one exchange: each costs as much as a response. */
class InterimBound {
  #count = 0;
  #length = 0;

  /** The error once there have been too many. */
  take(headers: RawHeaders): BodyError | undefined {
    this.#count++;
    for (const text of headers) this.#length += text.length;
    return this.#count > MAX_INTERIM || this.#length > MAX_INTERIM_LENGTH
      ? new BodyError("bad_response", "The server sent too many interim (1xx) responses")
      : undefined;
  }
}

const CUT_OFF = "The connection ended without the closing message of TLS: the body may be cut off";

/** Whether nothing but the end of the connection marks the end of the body. */
function endsWithConnection({ status, headers }: ResponseHead): boolean {
  return headers["content-length"] === undefined && headers["transfer-encoding"] === undefined &&
    status !== 204 && status !== 304;
}

/** The server paused for too long within a body. */
class IdleError extends Error {
  override name = "IdleError";
  readonly code = "ETIMEDOUT";
}

/** `search` does not tell an empty query from none. */
function emptyQuery({ href }: URL): string {
  return /^[^#]*\?/.test(href) ? "?" : "";
}

/** Fields of one value (RFC 9110 §5.3): when a server repeats one, the first counts. */
const SINGLE = new Set([
  ...["content-disposition", "content-range", "content-type", "etag", "last-modified", "location"],
]);

/** An `ETag` keeps its bytes, one for each character: it is sent back. */
function flatten(raw: RawHeaders): { headers: Record<string, string>; cookies?: string[] } {
  const headers: Record<string, string> = {};
  let cookies: string[] | undefined;
  for (let at = 0; at < raw.length; at += 2) {
    const name = raw[at] ?? "";
    const value = raw[at + 1] ?? "";
    if (name === "set-cookie") (cookies ??= []).push(value);
    const text = name !== "etag" && NOT_ASCII.test(value) ? decoded(name, value) : value;
    if (!Object.hasOwn(headers, name)) headers[name] = text;
    // Of several waits the longest counts, and a date has a comma of its own.
    else if (!SINGLE.has(name) && !(name === "retry-after" && headers[name] === text)) {
      headers[name] = `${headers[name]}, ${text}`;
    }
  }
  return cookies === undefined ? { headers } : { headers, cookies };
}

const NOT_ASCII = /[^\0-\x7f]/;

/** The headers as they are shown: also an `ETag` is text. */
export function shownHeaders(headers: ResponseHead["headers"]): Record<string, string> {
  const { etag } = headers;
  return { ...headers, ...compact({ etag: etag && decoded("etag", etag) }) };
}

/**
 * A header whose bytes are UTF-8, as many servers send it, else Latin-1. A `Location` is
 * percent-encoded byte by byte, as browsers do.
 */
function decoded(name: string, text: string): string {
  const bytes = Uint8Array.from(text, (letter) => letter.charCodeAt(0));
  if (name === "location") {
    return text.replace(/[^\0-\x7f]/g, (letter) => encodeByte(letter.charCodeAt(0)));
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return text;
  }
}

function encodeByte(byte: number): string {
  return `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
}
