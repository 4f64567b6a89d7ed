/**
 * A hostile HTTP server, as a process of its own: each path attacks in one way.
 * Prints its port.
 *
 * @module
 */

import { brotliCompressSync, constants, deflateSync, gzipSync, zstdCompressSync } from "node:zlib";

const encoder = new TextEncoder();
const zeros = new Uint8Array(128 * 2 ** 20);
const brotli = brotliCompressSync(zeros, { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } });
const gzip = gzipSync(zeros, { level: 1 });

interface Answer {
  readonly head: string;
  readonly body?: string | Uint8Array;
  /** Written after the body again and again, until the other side closes. */
  readonly forever?: string | Uint8Array;
}

const page = (body: string, type = "text/html") => ({ head: `Content-Type: ${type}`, body });
const coded = (coding: string, body: Uint8Array) => ({
  head: `Content-Type: text/plain\r\nContent-Encoding: ${coding}`,
  body,
});

const answers: Record<string, () => Answer> = {
  "/ok": () => page("ok", "text/plain"),
  "/br": () => coded("br", brotli),
  "/gzip": () => coded("gzip", gzip),
  "/deflate": () => coded("deflate", deflateSync(zeros.subarray(0, 2 ** 26), { level: 1 })),
  "/zstd": () => coded("zstd", zstdCompressSync(zeros)),
  "/chain": () => coded("gzip, br, gzip", gzipSync(brotliCompressSync(gzip))),
  "/endless": () => ({ head: "Content-Type: text/plain", forever: "word ".repeat(20_000) }),
  "/interim": () => ({
    head: "",
    forever: "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n".repeat(500),
  }),
  "/chunks": () => ({
    head: "Content-Type: text/plain\r\nTransfer-Encoding: chunked",
    forever: "1\r\na\r\n".repeat(10_000),
  }),
  "/headers": () => ({ head: "X-A: b", forever: `${"X-A: b\r\n".repeat(10_000)}` }),
  "/deep.json": () => page("[".repeat(2_000_000), "application/json"),
  "/wide.json": () => page(JSON.stringify(Array(800_000).fill(1)), "application/json"),
  "/deep.html": () => page("<div>".repeat(400_000)),
  "/close.html": () => page("<div>".repeat(400) + "</p></q>".repeat(400_000)),
  "/nested.html": () => page("<div>".repeat(100) + `<s>${"<p>".repeat(30_000)}</s>`.repeat(30)),
  "/wide.html": () => page("<b>x</b>".repeat(400_000)),
  "/attributes.html": () => page(`<b ${"a=b ".repeat(900_000)}>`),
  "/charset": () => page("\u0080".repeat(2_000_000), "text/html; charset=gb18030"),
  "/iso2022": () => page("\x1b$B".repeat(1_000_000), "text/html; charset=iso-2022-jp"),
  "/line": () => page("x".repeat(50_000_000), "text/plain"),
  "/blank": () => page(" ".repeat(50_000_000), "text/plain"),
};

const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
Deno.stdout.writeSync(encoder.encode(`${listener.addr.port}\n`));
for await (const conn of listener) answer(conn).catch(() => {}).finally(() => close(conn));

async function answer(conn: Deno.TcpConn): Promise<void> {
  const buffer = new Uint8Array(65_536);
  const length = await conn.read(buffer);
  const [, path = ""] =
    /^\w+ ([^ ?]*)/.exec(new TextDecoder().decode(buffer.subarray(0, length ?? 0))) ?? [];
  const { head, body = "", forever } = answers[path]?.() ?? { head: "", body: "" };
  const bytes = typeof body === "string" ? encoder.encode(body) : body;
  const start = path === "/interim"
    ? ""
    : `HTTP/1.1 200 OK\r\nConnection: close\r\n${head}\r\n${
      path === "/headers" ? "" : forever ? "\r\n" : `Content-Length: ${bytes.length}\r\n\r\n`
    }`;
  await write(conn, encoder.encode(start));
  await write(conn, bytes);
  const more = typeof forever === "string" ? encoder.encode(forever) : forever;
  while (more) await write(conn, more);
}

async function write(conn: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at, at + 262_144));
}

function close(conn: Deno.TcpConn): void {
  try {
    conn.close();
  } catch {
    // The other side has closed it.
  }
}
