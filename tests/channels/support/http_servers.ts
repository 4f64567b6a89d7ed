/**
 * HTTP servers for tests: a regular one, and one that answers with raw bytes.
 *
 * @module
 */

/** A server on a free port of 127.0.0.1. */
export interface TestServer extends AsyncDisposable {
  /** `http://127.0.0.1:PORT`. */
  readonly url: string;
  /** Its port. */
  readonly port: number;
}

/** Serves HTTP. */
export function serveHttp(handler: Deno.ServeHandler<Deno.NetAddr>): TestServer {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, handler);
  const { port } = server.addr;
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

/** What a raw server does with a connection once the head of a request has arrived. */
export type RawReply =
  | string
  | Uint8Array
  | ((conn: Deno.TcpConn, head: string) => Promise<void>)
  | null;

/**
 * Serves raw bytes: reads a request's head, writes `reply` and closes. With
 * `null` it closes at once, before it reads. With `tls` it speaks TLS.
 */
export function serveRaw(reply: RawReply, tls?: Deno.TlsCertifiedKeyPem): TestServer {
  const at = { hostname: "127.0.0.1", port: 0 };
  // What is used of them is the same.
  const listener = tls
    ? Deno.listenTls({ ...at, ...tls }) as unknown as Deno.TcpListener
    : Deno.listen(at);
  const { port } = listener.addr;
  const conns = new Set<Deno.TcpConn>();
  const serving: Promise<void>[] = [];
  const accepting = (async () => {
    for await (const conn of listener) {
      conns.add(conn);
      serving.push(answer(conn, reply).catch(() => {}).finally(() => close(conn)));
    }
  })();
  const close = (conn: Deno.TcpConn) => {
    if (conns.delete(conn)) conn.close();
  };
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      listener.close();
      await accepting;
      conns.forEach(close);
      await Promise.all(serving);
    },
  };
}

/** Resolves when the other side closes. */
export async function hang(conn: Deno.TcpConn): Promise<void> {
  const buffer = new Uint8Array(1_024);
  while (await conn.read(buffer) !== null);
}

async function answer(conn: Deno.TcpConn, reply: RawReply): Promise<void> {
  if (reply === null) return;
  const buffer = new Uint8Array(65_536);
  let head = "";
  while (!head.includes("\r\n\r\n")) {
    const read = await conn.read(buffer);
    if (read === null) return;
    head += new TextDecoder().decode(buffer.subarray(0, read));
  }
  if (typeof reply === "function") return await reply(conn, head);
  const bytes = typeof reply === "string" ? new TextEncoder().encode(reply) : reply;
  for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
  await conn.closeWrite();
}
