/**
 * The listener, and an end that waits for nobody for ever.
 *
 * Deno's server gives up listening when it is out of file descriptors, and what
 * it has accepted lives on. So some descriptors are kept for that hour: they
 * are let go of for the rest of the service, and when they can be had again,
 * somebody has left and the listener is opened anew.
 *
 * @module
 */

import type { Clock } from "../lib/clock.ts";
import { openReserve, type Reserve } from "../lib/descriptors.ts";
import type { Log } from "../lib/log.ts";

/** A listener at work. */
export interface Server {
  /** Where it is reached: `http://127.0.0.1:8000`. */
  readonly url: string;
  /** The port it got. */
  readonly port: number;
  /**
   * Takes no more connections and resolves when all answers are out, at the
   * latest after `graceMs`: a body half sent would otherwise be waited for, for ever.
   */
  close(graceMs: number): Promise<void>;
}

/** Where to listen, and with what. */
export interface ServerOptions {
  /** The address. */
  readonly hostname: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** Times the end, and the next look for descriptors. */
  readonly clock: Clock;
  /** Told when no more connections can be taken, and when they can again. */
  readonly log: Log;
  /** Descriptors for a bad hour; some files of our own when absent. */
  readonly reserve?: Reserve;
}

type Handler = (request: Request) => Response | Promise<Response>;

/** Enough for the database, a few attempts and the listener itself. */
const RESERVED = 32;
/** Between two looks for descriptors, in milliseconds. */
const LOOK_MS = 100;

/** Listens; throws a `Deno.errors.AddrInUse` when somebody else does. */
export function openServer(
  handler: Handler,
  { hostname, port, clock, log, reserve = openReserve(RESERVED) }: ServerOptions,
): Server {
  const host = hostname.includes(":") ? `[${hostname}]` : hostname;
  const listen = (at: number) => {
    try {
      return Deno.serve({ hostname, port: at, onListen() {} }, handler);
    } catch (error) {
      if (error instanceof Error) {
        error.message = `Cannot listen on ${host}:${at}: ${error.message}`;
      }
      throw error;
    }
  };
  const servers = [listen(port)];
  const at = servers[0]?.addr.port ?? port;
  let closing = false;
  let stopLooking = () => {};
  reserve.take();
  guard();

  function guard(): void {
    servers.at(-1)?.finished.catch((error) => {
      if (closing) return;
      reserve.release();
      log.error("No more connections are taken until some have ended", { error });
      look();
    });
  }

  function look(): void {
    stopLooking = clock.after(LOOK_MS, () => {
      if (!reserve.take()) return look();
      try {
        servers.push(listen(at));
        guard();
        log.info("Connections are taken again");
      } catch {
        reserve.release();
        look();
      }
    });
  }

  return {
    url: `http://${host}:${at}`,
    port: at,
    async close(graceMs) {
      closing = true;
      stopLooking();
      reserve.release();
      const late = Promise.withResolvers<void>();
      const undo = clock.after(graceMs, late.resolve);
      // Aborting a server that shuts down throws on Deno 2.9.6: the process's end cuts off the rest.
      await Promise.race([
        Promise.allSettled(servers.map((server) => server.shutdown())),
        late.promise,
      ]);
      undo();
    },
  };
}
