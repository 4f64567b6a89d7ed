/**
 * Sends each request by the protocol that its server speaks: HTTP/2 where TLS
 * negotiates it, else HTTP/1.1.
 *
 * @module
 */

import type { Socket } from "node:net";
import type { Clock } from "../../lib/clock.ts";
import type { GuardedOpener } from "../guard/guarded_connector.ts";
import { Http2Session } from "../http2/session.ts";
import { Http1Pool } from "../http1/pool.ts";
import {
  HttpFault,
  MAX_HEADER_BYTES,
  type Ticket,
  type UpstreamHandler,
  type UpstreamRequest,
} from "../upstream.ts";
import { Http1Hosts } from "./http1_hosts.ts";

/** Sends requests to all servers. */
export interface Upstreams {
  /** Starts a request; the handler gets its response and its faults. */
  dispatch(request: UpstreamRequest, handler: UpstreamHandler): void;
  /** Closes all connections and fails their requests. */
  close(): Promise<void>;
}

/** What the upstreams need. */
export interface UpstreamOptions {
  /** Opens connections. */
  readonly open: GuardedOpener;
  /** Bounds the waits. */
  readonly clock: Clock;
  /** The longest that a server may take to start HTTP/2, in milliseconds. */
  readonly beginMs: number;
}

/** HTTP/2 is negotiated within TLS, so it is never used without TLS. */
const ALPN = ["h2", "http/1.1"];
/** A request that this many connections returned unprocessed fails. */
const MAX_TRIES = 3;
/** A connection that negotiated HTTP/1.1 is kept for the next HTTP/1.1 request for this long. */
const SPARE_MS = 1_000;

/** The state of one server. */
interface Origin {
  readonly sessions: Set<Http2Session>;
  readonly waiting: Ticket[];
  connecting: boolean;
}

/** Opens the upstreams; connects to nothing yet. */
export function openUpstreams(options: UpstreamOptions): Upstreams {
  return new GuardedUpstreams(options);
}

class GuardedUpstreams implements Upstreams {
  readonly #options: UpstreamOptions;
  readonly #pool: Http1Pool;
  readonly #origins = new Map<string, Origin>();
  /** All open sessions, including those that take no more requests. */
  readonly #sessions = new Set<Http2Session>();
  readonly #plain: Http1Hosts;
  #isClosed = false;

  constructor(options: UpstreamOptions) {
    this.#options = options;
    this.#plain = new Http1Hosts(options.clock);
    this.#pool = new Http1Pool(options);
  }

  dispatch(request: UpstreamRequest, handler: UpstreamHandler): void {
    const ticket = { request, handler, tries: 0 };
    if (request.origin.startsWith("http:")) this.#pool.dispatch(ticket);
    else this.#send(ticket);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const origin of this.#origins.values()) this.#failAll(origin, ended());
    await Promise.all([
      this.#pool.close(),
      ...[...this.#sessions].map((session) => session.close()),
    ]);
  }

  #send(ticket: Ticket): void {
    const { request: { origin: name }, handler } = ticket;
    if (this.#isClosed || ticket.tries >= MAX_TRIES) return handler.onResponseError(ended());
    if (this.#plain.has(name)) return this.#pool.dispatch(ticket);
    const origin = this.#origins.get(name) ??
      { sessions: new Set(), waiting: [], connecting: false };
    this.#origins.set(name, origin);
    for (const session of origin.sessions) {
      if (session.freeStreams > 0) return session.request(ticket);
    }
    origin.waiting.push(ticket);
    void this.#connect(name, origin);
  }

  /**
   * Opens one connection at a time until no request waits. When a connection closes right
   * after its start, as with a server that restarts, the next one is tried.
   */
  async #connect(name: string, origin: Origin): Promise<void> {
    if (origin.connecting) return;
    origin.connecting = true;
    try {
      for (let failures = 0; origin.waiting.length > 0;) {
        failures = await this.#open(name, origin) ? 0 : failures + 1;
        if (failures === MAX_TRIES) throw ended();
      }
    } catch (error) {
      this.#failAll(origin, error as Error);
    } finally {
      origin.connecting = false;
      this.#forget(name, origin);
    }
  }

  /** Opens a connection for the waiting requests; resolves with whether it takes any. */
  async #open(name: string, origin: Origin): Promise<boolean> {
    const { protocol, hostname, port } = new URL(name);
    const socket = await this.#options.open({ protocol, hostname, port, alpn: ALPN });
    if (this.#isClosed) {
      socket.destroy();
      throw ended();
    }
    if ((socket as Socket & { alpnProtocol?: unknown }).alpnProtocol !== "h2") {
      this.#takePlain(name, origin, socket);
      return true;
    }
    const { clock, beginMs } = this.#options;
    const session: Http2Session = new Http2Session(socket, {
      clock,
      beginMs,
      maxHeaderBytes: MAX_HEADER_BYTES,
      onUntouched: (ticket, http11) => {
        if (http11) this.#plain.add(name);
        this.#send(ticket);
      },
      onRetired: () => this.#retire(name, origin, session),
    });
    this.#sessions.add(session);
    void session.closed.then(() => this.#sessions.delete(session));
    await session.begun;
    if (session.freeStreams <= 0) {
      void session.close();
      return false;
    }
    origin.sessions.add(session);
    while (session.freeStreams > 0) {
      const ticket = origin.waiting.shift();
      if (!ticket) break;
      session.request(ticket);
    }
    return true;
  }

  /** The server negotiated HTTP/1.1: its first connection is used for that. */
  #takePlain(name: string, origin: Origin, socket: Socket): void {
    this.#plain.add(name);
    this.#pool.add(name, socket, SPARE_MS);
    for (const ticket of origin.waiting.splice(0)) this.#pool.dispatch(ticket);
  }

  #retire(name: string, origin: Origin, session: Http2Session): void {
    origin.sessions.delete(session);
    this.#forget(name, origin);
  }

  #forget(name: string, { sessions, waiting, connecting }: Origin): void {
    if (sessions.size === 0 && waiting.length === 0 && !connecting) this.#origins.delete(name);
  }

  #failAll(origin: Origin, error: Error): void {
    for (const { handler } of origin.waiting.splice(0)) handler.onResponseError(error);
  }
}

function ended(): HttpFault {
  return new HttpFault("connection_reset", "No connection accepts the request");
}
