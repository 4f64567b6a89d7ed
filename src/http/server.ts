/**
 * The listener, and an end that waits for nobody for ever.
 *
 * @module
 */

import type { Clock } from "../lib/clock.ts";

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

/** Listens; throws a `Deno.errors.AddrInUse` when somebody else does. */
export function openServer(
  handler: (request: Request) => Response | Promise<Response>,
  { hostname, port, clock }: { hostname: string; port: number; clock: Clock },
): Server {
  const server = Deno.serve({ hostname, port, onListen() {} }, handler);
  const host = hostname.includes(":") ? `[${hostname}]` : hostname;
  return {
    url: `http://${host}:${server.addr.port}`,
    port: server.addr.port,
    async close(graceMs) {
      const late = Promise.withResolvers<void>();
      const undo = clock.after(graceMs, late.resolve);
      // Aborting a server that shuts down throws on Deno 2.9.6: the process's end cuts off the rest.
      await Promise.race([server.shutdown(), late.promise]);
      undo();
    },
  };
}
