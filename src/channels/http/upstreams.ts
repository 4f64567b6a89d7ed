/**
 * Sends each request by the protocol that its server speaks: HTTP/2 where TLS
 * negotiates it, else HTTP/1.1 with undici.
 *
 * @module
 */

import type { Socket } from "node:net";
import { Agent, type Dispatcher } from "undici";
import type { Clock } from "../../lib/clock.ts";
import { spelledHeaders } from "../../task/input/request_headers.ts";
import type { GuardedOpener } from "../guard/guarded_connector.ts";
import { Http2Fault } from "../http2/fault.ts";
import { Http2Session } from "../http2/session.ts";
import type { Ticket, UpstreamHandler, UpstreamRequest } from "../http2/stream.ts";
import { renameContinue } from "./interim.ts";
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
  /** Called with the socket just before a request is sent over HTTP/2. */
  readonly onSending: (socket: Socket) => void;
}

/** Longer response headers are refused. */
const MAX_HEADER_BYTES = 32_768;
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
  readonly #agent: Agent;
  readonly #origins = new Map<string, Origin>();
  /** All open sessions, including those that take no more requests. */
  readonly #sessions = new Set<Http2Session>();
  readonly #plain: Http1Hosts;
  readonly #spares = new Map<string, { readonly socket: Socket; readonly undo: () => void }>();
  #isClosed = false;

  constructor(options: UpstreamOptions) {
    this.#options = options;
    this.#plain = new Http1Hosts(options.clock);
    this.#agent = new Agent({
      connect: ({ hostname, protocol, port }, callback) => {
        // Not synchronously: undici would miss a callback during its own call.
        const spare = this.#takeSpare(originOf(protocol, hostname, port));
        const opened = spare ? Promise.resolve(spare) : options.open({ hostname, protocol, port });
        opened.then(
          (socket) => callback(null, renameContinue(socket)),
          (error) => callback(error, null),
        );
      },
      // The attempt's deadline bounds the head, the exchange bounds pauses within a body.
      headersTimeout: 0,
      bodyTimeout: 0,
      maxHeaderSize: MAX_HEADER_BYTES,
      keepAliveMaxTimeout: 30_000,
      pipelining: 1,
      // undici uses node:http2, whose sessions end the process on Deno 2.9.6; see http2/.
      allowH2: false,
    });
  }

  dispatch(request: UpstreamRequest, handler: UpstreamHandler): void {
    if (request.origin.startsWith("http:")) this.#sendPlain(request, handler);
    else this.#send({ request, handler, tries: 0 });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const origin of this.#origins.values()) this.#failAll(origin, ended());
    for (const name of [...this.#spares.keys()]) this.#takeSpare(name)?.destroy();
    await Promise.all([
      this.#agent.destroy(),
      ...[...this.#sessions].map((session) => session.close()),
    ]);
  }

  #sendPlain(request: UpstreamRequest, handler: UpstreamHandler): void {
    const { names, ...rest } = request;
    const headers = names ? spelledHeaders(request.headers, names) : request.headers;
    const method = request.method as Dispatcher.HttpMethod;
    this.#agent.dispatch({ ...rest, headers, method }, handler);
  }

  #send(ticket: Ticket): void {
    const { request: { origin: name }, handler } = ticket;
    if (this.#isClosed || ticket.tries >= MAX_TRIES) return refuse(ticket, ended());
    if (this.#plain.has(name)) return this.#sendPlain(ticket.request, handler);
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
      this.#failAll(origin, error);
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
    const { clock, beginMs, onSending } = this.#options;
    const session: Http2Session = new Http2Session(socket, {
      clock,
      beginMs,
      maxHeaderBytes: MAX_HEADER_BYTES,
      onSending,
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
    this.#takeSpare(name)?.destroy();
    const undo = this.#options.clock.after(SPARE_MS, () => this.#takeSpare(name)?.destroy());
    this.#spares.set(name, { socket, undo });
    for (const { request, handler } of origin.waiting.splice(0)) this.#sendPlain(request, handler);
  }

  #takeSpare(name: string): Socket | undefined {
    const spare = this.#spares.get(name);
    this.#spares.delete(name);
    spare?.undo();
    return spare?.socket.destroyed ? undefined : spare?.socket;
  }

  #retire(name: string, origin: Origin, session: Http2Session): void {
    origin.sessions.delete(session);
    this.#forget(name, origin);
  }

  #forget(name: string, { sessions, waiting, connecting }: Origin): void {
    if (sessions.size === 0 && waiting.length === 0 && !connecting) this.#origins.delete(name);
  }

  #failAll(origin: Origin, error: unknown): void {
    for (const ticket of origin.waiting.splice(0)) refuse(ticket, error);
  }
}

/** Fails a request that was never sent. */
function refuse({ handler }: Ticket, error: unknown): void {
  const controller = {
    aborted: true,
    paused: false,
    reason: null,
    abort() {},
    pause() {},
    resume() {},
  };
  handler.onResponseError?.(controller, error as Error);
}

function ended(): Http2Fault {
  return new Http2Fault("connection_reset", "No connection accepts the request");
}

function originOf(protocol: string, hostname: string, port: string): string {
  // undici passes an IPv6 address without its brackets.
  const host = hostname.includes(":") && !hostname.startsWith("[") ? `[${hostname}]` : hostname;
  return new URL(`${protocol}//${host}${port ? `:${port}` : ""}`).origin;
}
