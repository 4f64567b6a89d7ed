/**
 * An HTTP proxy for outgoing requests.
 *
 * @module
 */

import type { EgressProxy } from "../../../src/channels/guard/egress_proxy.ts";

/** A proxy for outgoing requests. */
export interface Tunnel extends AsyncDisposable {
  /** The heads of the requests to it. */
  readonly heads: readonly string[];
  /** Where it is. */
  readonly proxy: EgressProxy;
}

/** A proxy that tunnels, or answers CONNECT with `refusal`. */
export function startTunnel(refusal?: string): Tunnel {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const heads: string[] = [];
  const open = new Set<Deno.TcpConn>();
  const serve = async (conn: Deno.TcpConn) => {
    open.add(conn);
    let head = "";
    const byte = new Uint8Array(1);
    while (!head.endsWith("\r\n\r\n") && await conn.read(byte) !== null) {
      head += String.fromCharCode(byte[0] ?? 0);
    }
    heads.push(head);
    const [, port = ""] = /^CONNECT 127\.0\.0\.1:(\d+) /.exec(head) ?? [];
    if (refusal !== undefined || port === "") {
      await conn.write(new TextEncoder().encode(`HTTP/1.1 ${refusal ?? "400 x"}\r\n\r\n`));
      return await conn.closeWrite();
    }
    const target = await Deno.connect({ hostname: "127.0.0.1", port: Number(port) });
    open.add(target);
    await conn.write(
      new TextEncoder().encode("HTTP/1.1 200 Connection established\r\nx: y\r\n\r\n"),
    );
    await Promise.all([
      conn.readable.pipeTo(target.writable),
      target.readable.pipeTo(conn.writable),
    ]);
  };
  const serving = (async () => {
    for await (const conn of listener) void serve(conn).catch(() => {});
  })();
  return {
    heads,
    proxy: { hostname: "127.0.0.1", port: listener.addr.port, authorization: "Basic abc" },
    async [Symbol.asyncDispose]() {
      listener.close();
      await serving;
      for (const conn of open) {
        try {
          conn.close();
        } catch {
          // A stream has closed it.
        }
      }
    },
  };
}
