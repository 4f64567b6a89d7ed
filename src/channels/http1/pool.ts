/**
 * The HTTP/1.1 connections to all servers.
 *
 * @module
 */

import type { Socket } from "node:net";
import { setImmediate } from "node:timers";
import type { Clock } from "../../lib/clock.ts";
import type { GuardedOpener } from "../guard/guarded_connector.ts";
import { HttpFault, type Ticket } from "../upstream.ts";
import { Http1Connection } from "./connection.ts";

/** What the connections need. */
export interface Http1Options {
  /** Opens connections. */
  readonly open: GuardedOpener;
  /** Bounds the time without a request. */
  readonly clock: Clock;
}

/** How often connections are looked for that have waited too long, in milliseconds. */
const SWEEP_MS = 1_000;
/** How long a connection rests after a response, in milliseconds. */
const REST_MS = 1;

/** The connections to one server. */
interface Origin {
  readonly name: string;
  /** Free ones, the last used at the end. */
  readonly free: Http1Connection[];
  /** How many rest. */
  resting: number;
  /** Requests that wait for one that rests; no more than there are. */
  readonly waiting: Ticket[];
}

/** Keeps the connections that are free, and opens one when none is. */
export class Http1Pool {
  readonly #options: Http1Options;
  /** Those with connections that are free or rest. */
  readonly #origins = new Map<string, Origin>();
  readonly #all = new Set<Http1Connection>();
  #resting: { readonly connection: Http1Connection; readonly origin: Origin; waitMs: number }[] =
    [];
  #undoRest: (() => void) | undefined;
  #undoSweep: (() => void) | undefined;
  #isClosed = false;

  /** Starts without connections. */
  constructor(options: Http1Options) {
    this.#options = options;
  }

  /** Sends a request. */
  dispatch(ticket: Ticket): void {
    // Connections that rest never become free any more.
    if (this.#isClosed) return ticket.handler.onResponseError(closed());
    const origin = this.#origins.get(ticket.request.origin);
    for (let free = origin?.free.pop(); free; free = origin?.free.pop()) {
      if (free.isFree) return free.send(ticket);
    }
    if (origin && origin.resting > origin.waiting.length) origin.waiting.push(ticket);
    else void this.#open(ticket);
  }

  /** Takes over an open connection for the next request, and closes it after `waitMs` without one. */
  add(name: string, socket: Socket, waitMs: number): void {
    const connection = this.#adopt(name, socket);
    if (!connection.isFree) return;
    connection.hasWaited = true;
    const until = this.#options.clock.monotonic() + waitMs;
    this.#keep(connection, this.#originOf(name), until);
  }

  /** Closes all connections and fails their requests. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#undoSweep?.();
    this.#undoRest?.();
    const connections = [...this.#all];
    for (const connection of connections) connection.end();
    for (const { waiting } of this.#origins.values()) {
      for (const { handler } of waiting.splice(0)) handler.onResponseError(closed());
    }
    await Promise.all(connections.map(({ closed }) => closed));
  }

  async #open(ticket: Ticket): Promise<void> {
    if (this.#isClosed) return ticket.handler.onResponseError(closed());
    const { origin } = ticket.request;
    const { protocol, hostname, port } = new URL(origin);
    let connection: Http1Connection;
    try {
      connection = this.#adopt(origin, await this.#options.open({ protocol, hostname, port }));
      if (!connection.isFree) throw closed();
    } catch (error) {
      return ticket.handler.onResponseError(error as Error);
    }
    connection.send(ticket);
  }

  #adopt(name: string, socket: Socket): Http1Connection {
    const connection = new Http1Connection(socket, {
      freed: (connection, waitMs) => this.#rest(connection, name, waitMs),
      retired: (connection) => this.#all.delete(connection),
      // On a new connection, which returns nothing.
      returned: (ticket) => void this.#open(ticket),
    });
    this.#all.add(connection);
    if (this.#isClosed || !connection.isFree) connection.end();
    return connection;
  }

  /**
   * Keeps a connection back until the event loop has looked at its socket once more. Bytes behind
   * a response, which would answer the next request, are known by then, and so is an end that the
   * server did not announce.
   */
  #rest(connection: Http1Connection, name: string, waitMs: number): void {
    const origin = this.#originOf(name);
    origin.resting++;
    connection.hasWaited = true;
    this.#resting.push({ connection, origin, waitMs });
    // On Deno 2.9.6 up to 60 immediates may run before sockets are looked at. A timer has waited
    // for them, and they are read between it and the next immediate.
    this.#undoRest ??= this.#options.clock.after(
      REST_MS,
      () => void setImmediate(() => this.#endRest()),
    );
  }

  #endRest(): void {
    this.#undoRest = undefined;
    const now = this.#options.clock.monotonic();
    for (const { connection, origin, waitMs } of this.#resting.splice(0)) {
      origin.resting--;
      const ticket = origin.waiting.shift();
      if (connection.isFree) {
        if (ticket) connection.send(ticket);
        else this.#keep(connection, origin, now + waitMs);
      } else {
        if (ticket) this.dispatch(ticket);
        this.#forget(origin);
      }
    }
  }

  #keep(connection: Http1Connection, origin: Origin, until: number): void {
    connection.closesAt = until;
    origin.free.push(connection);
    this.#undoSweep ??= this.#options.clock.after(SWEEP_MS, () => this.#sweep());
  }

  #sweep(): void {
    this.#undoSweep = undefined;
    const { clock } = this.#options;
    const now = clock.monotonic();
    let kept = 0;
    for (const origin of this.#origins.values()) {
      const { free } = origin;
      const all = free.splice(0);
      for (const connection of all) {
        if (connection.closesAt > now && connection.isFree) free.push(connection);
        else connection.end();
      }
      kept += free.length;
      this.#forget(origin);
    }
    if (kept > 0) this.#undoSweep = clock.after(SWEEP_MS, () => this.#sweep());
  }

  #originOf(name: string): Origin {
    const known = this.#origins.get(name);
    if (known) return known;
    const origin: Origin = { name, free: [], resting: 0, waiting: [] };
    this.#origins.set(name, origin);
    return origin;
  }

  #forget({ name, free, resting, waiting }: Origin): void {
    if (free.length + resting + waiting.length === 0) this.#origins.delete(name);
  }
}

function closed(): HttpFault {
  return new HttpFault("connection_reset", "No connection accepts the request");
}
