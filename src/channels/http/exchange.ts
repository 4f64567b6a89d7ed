/**
 * One request and its answer, told step by step.
 *
 * @module
 */

import { compact } from "../../lib/compact.ts";
import type { Dispatcher } from "undici";
import type { Clock } from "../../lib/clock.ts";
import { BufferPool } from "../buffer_pool.ts";
import type { BodySink } from "./body.ts";
import type { HttpRequest } from "./redirect.ts";
import type { Remotes } from "./remote.ts";
import type { Upstreams } from "./upstreams.ts";

/** An answer without its body. */
export interface ResponseHead {
  /** 200 and more. */
  readonly status: number;
  /** Names in lower case; a header sent twice is joined by a comma. */
  readonly headers: Readonly<Record<string, string>>;
}

/** What an exchange needs. */
export interface ExchangeOptions {
  /** Ends it at once. */
  readonly signal: AbortSignal;
  /** Times it. */
  readonly clock: Clock;
  /** The longest pause of a body, in milliseconds. */
  readonly idleMs: number;
  /** Tells which address it went to. */
  readonly remotes: Remotes;
  /** Called just before the first byte leaves. */
  readonly onSending: () => void;
  /** Called when what was sent cannot have had an effect after all. */
  readonly onUntouched: () => void;
  /** Called with the head; returns what takes the body. May throw to end the exchange. */
  readonly onHead: (head: ResponseHead) => BodySink;
  /** Called after each piece of the body with the encoded bytes so far. */
  readonly onBytes: (bytes: number) => void;
}

/** How an exchange went. */
export interface Exchanged {
  /** The answer's head, when one came. */
  readonly head?: ResponseHead;
  /** What ended it early, if something did; the signal's reason after an abort. */
  readonly fault?: { readonly cause: unknown };
  /** `address:port` of the other side, once a request left. */
  readonly remote?: string;
  /** Bytes of the body that came, as they came. */
  readonly bytes: number;
  /**
   * Milliseconds: of connecting and of TLS on a new connection, else until one was free; until
   * the head came; until the end.
   */
  readonly timings: { connect?: number; tls?: number; firstByte?: number; total: number };
}

/**
 * Encoded bytes that may wait for their decoder before the server is made to
 * wait: the less a connection is paused, the less can happen to it meanwhile.
 */
const MAX_BACKLOG = 1_048_576;

/** Makes one exchange; resolves however it ends, and at once when the signal aborts. */
export function exchange(
  upstreams: Upstreams,
  { url, method, headers, body }: HttpRequest,
  { signal, clock, idleMs, remotes, onSending, onUntouched, onHead, onBytes }: ExchangeOptions,
): Promise<Exchanged> {
  const { promise, resolve } = Promise.withResolvers<Exchanged>();
  const begunAt = clock.monotonic();
  const elapsed = () => Math.round((clock.monotonic() - begunAt) * 10) / 10;
  const timings: { connect?: number; tls?: number; firstByte?: number } = {};
  let controller: Dispatcher.DispatchController | undefined;
  let head: ResponseHead | undefined;
  let sink: BodySink | undefined;
  let remote: string | undefined;
  let received = 0;
  let backlog = 0;
  let over = false;
  const chunks = new BufferPool();

  let heardAt = 0;
  let undoIdle: (() => void) | undefined;

  /** One timer for a body, however many pieces it comes in. */
  const watchIdle = (waitMs: number) => {
    undoIdle = clock.after(waitMs, () => {
      const leftMs = heardAt + idleMs - clock.monotonic();
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
      controller?.abort(new Error("The exchange is over"));
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
    const busy = sink?.end();
    if (busy) busy.then(() => finish(), fail);
    else finish();
  };

  if (signal.aborted) {
    abort();
    return promise;
  }
  signal.addEventListener("abort", abort, { once: true });
  const path = url.pathname + url.search;
  upstreams.dispatch({ origin: url.origin, path, method, headers, body: body ?? null }, {
    onRequestStart(started) {
      controller = started;
      // Aborted while it waited for a connection: nothing leaves any more.
      if (over) return started.abort(new Error("The exchange is over"));
      timings.connect = elapsed();
      onSending();
      remotes.next((address, opening) => {
        remote = address;
        Object.assign(timings, opening);
      });
    },
    onUntouched,
    onResponseStart(_, status, raw) {
      if (over || status < 200) return;
      timings.firstByte = elapsed();
      heardAt = clock.monotonic();
      head = { status, headers: flatten(raw) };
      try {
        sink = onHead(head);
        // A short body has come and gone by then, and needs no timer.
        queueMicrotask(() => over || watchIdle(idleMs));
      } catch (error) {
        fail(error);
      }
    },
    onResponseData(at, piece) {
      if (over || !sink) return;
      received += piece.length;
      heardAt = clock.monotonic();
      onBytes(received);
      try {
        const chunk = chunks.hold(piece);
        const { length } = piece;
        const busy = sink.write(piece);
        if (!busy) return chunks.release(chunk);
        backlog += length;
        if (backlog > MAX_BACKLOG) at.pause();
        busy.then(() => {
          backlog -= length;
          chunks.release(chunk);
          if (backlog <= MAX_BACKLOG) at.resume();
        }, fail);
      } catch (error) {
        fail(error);
      }
    },
    onResponseEnd: end,
    onResponseError(_, error) {
      // While it is paused, undici takes a server that hangs up for one that breaks off.
      if (received > 0 && String(received) === head?.headers["content-length"]) end();
      else fail(error);
    },
  });
  return promise;
}

/** A body paused for too long. */
class IdleError extends Error {
  override name = "IdleError";
  readonly code = "ETIMEDOUT";
}

function flatten(raw: Readonly<Record<string, string | string[] | undefined>>) {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(raw)) {
    if (value !== undefined) headers[name] = typeof value === "string" ? value : value.join(", ");
  }
  return headers;
}
