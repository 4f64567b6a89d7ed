/**
 * The listener, with a bounded shutdown and recovery from a lack of file descriptors.
 *
 * Deno's server stops listening when it runs out of file descriptors, while its
 * open connections live on. So the listener reserves some descriptors. In that
 * case it releases them for the rest of the service. Once it can reserve them
 * again and others are free too, connections have been closed and it listens again.
 *
 * @module
 */

import type { Clock } from "../lib/clock.ts";
import { compact } from "../lib/compact.ts";
import { areFree, openReserve } from "../lib/descriptors.ts";
import type { Log } from "../lib/log.ts";
import type { Metrics } from "../lib/metrics.ts";
import { Refusal, type RefusalReports, respondError } from "./problems.ts";
import { isHost } from "./request/client.ts";

/** A running listener. */
export interface Server {
  /** Its URL, such as `http://127.0.0.1:8000`. */
  readonly url: string;
  /** The port it listens on. */
  readonly port: number;
  /**
   * Stops accepting connections and resolves when all responses are sent, at the
   * latest after `graceMs`: Deno would wait forever for a half-sent request body.
   */
  close(graceMs: number): Promise<void>;
}

/** Options of the listener. */
export interface ServerOptions {
  /** The address to listen on. */
  readonly hostname: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** Times the shutdown and the checks for free descriptors. */
  readonly clock: Clock;
  /** Receives a line when it stops accepting connections, and when it starts again. */
  readonly log: Log;
  /** Counts the requests that it refuses itself. */
  readonly metrics?: Pick<Metrics, "refused">;
}

type Handler = (
  request: Request,
  info: Deno.ServeHandlerInfo<Deno.NetAddr>,
) => Response | Promise<Response>;

/** Enough for the database, a few attempts and the listener itself. */
const RESERVED = 32;
/** As many more must be free before it listens again: those of the reserve alone were its own. */
const FREE = 32;
/** Interval between two checks for free descriptors, in milliseconds. */
const CHECK_MS = 100;

/** Starts listening. Throws a `Deno.errors.AddrInUse` when the port is taken. */
export function openServer(
  handler: Handler,
  { hostname, port, clock, log, metrics }: ServerOptions,
): Server {
  const host = hostname.includes(":") ? `[${hostname}]` : hostname;
  const listen = (at: number) => {
    try {
      return Deno.serve({ hostname, port: at, onListen() {} }, checked);
    } catch (error) {
      if (error instanceof Error) {
        error.message = `Cannot listen on ${host}:${at}: ${error.message}`;
      }
      throw error;
    }
  };
  // The URL of a request is made of its Host header, so an invalid one must not reach a route.
  let knownHost: string | undefined;
  const checked: Handler = (request, info) => {
    const given = request.headers.get("host");
    if (given !== knownHost) {
      if (given === null || !isHost(given)) return badHost({ log, ...compact({ metrics }) });
      knownHost = given;
    }
    return handler(request, info);
  };
  const servers = [listen(port)];
  const at = servers[0]?.addr.port ?? port;
  const reserve = openReserve(RESERVED);
  let closing = false;
  let stopChecking = () => {};
  reserve.take();
  guard();

  function guard(): void {
    servers.at(-1)?.finished.catch((error) => {
      if (closing) return;
      reserve.release();
      log.error("Out of file descriptors: new connections are refused until others close", {
        error,
      });
      check();
    });
  }

  function check(): void {
    stopChecking = clock.after(CHECK_MS, () => {
      if (reserve.take() && areFree(FREE) && listenAgain()) {
        return log.info("New connections are accepted again");
      }
      reserve.release();
      check();
    });
  }

  function listenAgain(): boolean {
    try {
      servers.push(listen(at));
      guard();
      return true;
    } catch {
      return false;
    }
  }

  return {
    url: `http://${host}:${at}`,
    port: at,
    async close(graceMs) {
      closing = true;
      stopChecking();
      reserve.release();
      const late = Promise.withResolvers<void>();
      const undo = clock.after(graceMs, late.resolve);
      // Aborting a server during its shutdown throws on Deno 2.9.6; the exit of the process closes the rest.
      await Promise.race([
        Promise.allSettled(servers.map((server) => server.shutdown())),
        late.promise,
      ]);
      undo();
    },
  };
}

function badHost(reports: RefusalReports): Response {
  const detail = "Expected one Host header: a name or an address with an optional port";
  const headers = { connection: "close" };
  // No route has given it an id.
  const requestId = `req_${crypto.randomUUID()}`;
  return respondError(new Refusal("bad_request", { detail, headers }), requestId, reports);
}
