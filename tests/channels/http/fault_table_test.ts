/**
 * Faults of an upstream in one printed table: the outcome of each, and how long it took.
 *
 * @module
 */

import assert from "node:assert/strict";
import { brotliCompressSync, gzipSync, zstdCompressSync } from "node:zlib";
import { needs } from "../../support/needs.ts";
import { aContext, aFetch, anAttempt } from "../support/attempts.ts";
import { openTestHttp } from "../support/http_channel.ts";
import { hang, type RawReply, serveRaw } from "../support/http_servers.ts";
import { makeIdentity } from "../support/tls_relay.ts";

function closedPort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  return port;
}

const encode = (text: string) => new TextEncoder().encode(text);
const OK = "HTTP/1.1 200 OK\r\n";

/** Writes `more` repeatedly until the client closes. */
function pour(head: string, more: string | Uint8Array, pauseMs = 0) {
  return async (conn: Deno.TcpConn) => {
    await conn.write(encode(head));
    const bytes = typeof more === "string" ? encode(more) : more;
    for (;;) {
      for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
      if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  };
}

function bomb(coding: string, body: Uint8Array): Uint8Array {
  const head = `${OK}Content-Encoding: ${coding}\r\nContent-Length: ${body.length}\r\n\r\n`;
  return new Uint8Array([...encode(head), ...body]);
}

const ZEROS = new Uint8Array(50_000_000);
const then = (text: string, next = hang) => async (conn: Deno.TcpConn) => {
  await conn.write(encode(text));
  await next(conn);
};

/** `url` replaces the server's own URL. */
const TABLE: { fault: string; server: RawReply; means: string; url?: (port: number) => string }[] =
  [
    {
      fault: "nothing listens",
      server: "",
      means: "deferred connection_refused",
      url: () => `http://127.0.0.1:${closedPort()}/`,
    },
    {
      fault: "no such name",
      server: "",
      means: "deferred dns_failed",
      url: () => "http://no.such.name.example.com/",
    },
    {
      fault: "an address inside",
      server: "",
      means: "rejected address_refused",
      url: () => "http://10.0.0.1/",
    },
    { fault: "closes at once", server: null, means: "deferred connection_reset" },
    { fault: "closes after the request", server: "", means: "deferred connection_reset" },
    { fault: "never answers", server: hang, means: "deferred timeout" },
    { fault: "half a status line", server: "HTTP/1.1 20", means: "deferred connection_reset" },
    { fault: "half a head", server: "HTTP/1.1 200 OK\r\nX: ", means: "deferred connection_reset" },
    {
      fault: "a head that never ends its line",
      server: then("HTTP/1.1 200 OK\r\nX: "),
      means: "deferred timeout",
    },
    {
      fault: "an endless status line",
      server: pour("HTTP/1.1 200 ", "x".repeat(1_000)),
      means: "deferred bad_response",
    },
    {
      fault: "one header without end",
      server: pour(`${OK}X: `, "x".repeat(10_000)),
      means: "deferred bad_response",
    },
    {
      fault: "headers without end",
      server: pour(OK, "X: y\r\n".repeat(1_000)),
      means: "deferred bad_response",
    },
    {
      fault: "early hints without end",
      server: pour("", "HTTP/1.1 103 Early Hints\r\n\r\n", 5),
      means: "deferred bad_response",
    },
    { fault: "another protocol", server: "220 relay ready\r\n", means: "deferred bad_response" },
    {
      fault: "random bytes",
      server: new Uint8Array([22, 3, 1, 0, 0, 13, 10]),
      means: "deferred bad_response",
    },
    {
      fault: "a status of letters",
      server: "HTTP/1.1 abc\r\n\r\n",
      means: "deferred bad_response",
    },
    { fault: "a header with NUL", server: `${OK}a\0: b\r\n\r\n`, means: "deferred bad_response" },
    {
      fault: "two lengths",
      server: `${OK}Content-Length: 1\r\nContent-Length: 2\r\n\r\nab`,
      means: "deferred bad_response",
    },
    {
      fault: "a length that is none",
      server: `${OK}Content-Length: -1\r\n\r\nab`,
      means: "deferred bad_response",
    },
    {
      fault: "a length and chunks",
      server: `${OK}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
      means: "deferred bad_response",
    },
    {
      fault: "less than the length",
      server: `${OK}Content-Length: 9\r\n\r\nabc`,
      means: "deferred connection_reset",
    },
    {
      fault: "a chunk that is cut",
      server: `${OK}Transfer-Encoding: chunked\r\n\r\n5\r\nab`,
      means: "deferred connection_reset",
    },
    {
      fault: "a chunk of nonsense",
      server: `${OK}Transfer-Encoding: chunked\r\n\r\nzz\r\nab`,
      means: "deferred bad_response",
    },
    {
      fault: "chunks without a last one",
      server: then(`${OK}Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n`),
      means: "deferred timeout",
    },
    {
      fault: "a body that never starts",
      server: then(`${OK}Content-Length: 9\r\n\r\n`),
      means: "deferred timeout",
    },
    {
      fault: "a body that stops",
      server: then(`${OK}Content-Length: 9\r\n\r\nabc`),
      means: "deferred timeout",
    },
    {
      fault: "a body in tiny chunks without end",
      server: pour(`${OK}Content-Length: 999\r\n\r\n`, "x", 100),
      means: "deferred timeout",
    },
    {
      fault: "a body without end",
      server: pour(`${OK}\r\n`, new Uint8Array(65_536)),
      means: "rejected too_large",
    },
    {
      fault: "a length beyond maxBytes",
      server: `${OK}Content-Length: 99999999999\r\n\r\n`,
      means: "rejected too_large",
    },
    { fault: "a bomb of gzip", server: bomb("gzip", gzipSync(ZEROS)), means: "rejected too_large" },
    {
      fault: "a bomb of gzip in gzip",
      server: bomb("gzip, gzip", gzipSync(gzipSync(ZEROS))),
      means: "rejected too_large",
    },
    {
      fault: "a bomb of brotli",
      server: bomb("br", brotliCompressSync(ZEROS)),
      means: "rejected too_large",
    },
    {
      fault: "a bomb of zstd",
      server: bomb("zstd", zstdCompressSync(ZEROS)),
      means: "rejected too_large",
    },
    {
      fault: "invalid gzip",
      server: bomb("gzip", encode("not gzip")),
      means: "deferred bad_response",
    },
    {
      fault: "gzip that is cut",
      server: bomb("gzip", gzipSync("x".repeat(999)).subarray(0, 15)),
      means: "deferred bad_response",
    },
    {
      fault: "invalid brotli",
      server: bomb("br", encode("not brotli at all")),
      means: "deferred bad_response",
    },
    {
      fault: "encoded four times",
      server: bomb("gzip, gzip, gzip, gzip", gzipSync("x")),
      means: "deferred bad_response",
    },
    {
      fault: "a redirect to itself",
      server: "HTTP/1.1 302 x\r\nLocation: /\r\nContent-Length: 0\r\n\r\n",
      means: "rejected too_many_redirects",
    },
    {
      fault: "a redirect inside",
      server: "HTTP/1.1 302 x\r\nLocation: http://10.0.0.1/\r\nContent-Length: 0\r\n\r\n",
      means: "rejected address_refused",
    },
    {
      fault: "a redirect to a file",
      server: "HTTP/1.1 302 x\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n",
      means: "rejected address_refused",
    },
    {
      fault: "closes within the TLS handshake",
      server: null,
      means: "deferred connection_reset",
      url: (port) => `https://127.0.0.1:${port}/`,
    },
    {
      fault: "a TLS handshake that never comes",
      server: hang,
      means: "deferred timeout",
      url: (port) => `https://127.0.0.1:${port}/`,
    },
    {
      fault: "400",
      server: "HTTP/1.1 400 x\r\nContent-Length: 0\r\n\r\n",
      means: "rejected http_400",
    },
    {
      fault: "429",
      server: "HTTP/1.1 429 x\r\nContent-Length: 0\r\n\r\n",
      means: "deferred http_429",
    },
    {
      fault: "500",
      server: "HTTP/1.1 500 x\r\nContent-Length: 0\r\n\r\n",
      means: "deferred http_500",
    },
  ];

/** An attempt's own timeout, in milliseconds. */
const TIMEOUT_MS = 1_500;

/** Completes TLS handshakes with a self-signed certificate for `localhost`, then closes. */
function serveTls({ key, ca }: { key: string; ca: string }) {
  const listener = Deno.listenTls({ hostname: "127.0.0.1", port: 0, key, cert: ca });
  const serving = (async () => {
    for (;;) {
      // A handshake that fails must not end the server.
      const conn = await listener.accept().catch((error) => error as Error);
      if (conn instanceof Deno.errors.BadResource || conn instanceof Deno.errors.Interrupted) {
        return;
      }
      if (conn instanceof Error) continue;
      await conn.handshake().catch(() => {});
      conn.close();
    }
  })();
  return {
    port: listener.addr.port,
    async [Symbol.asyncDispose]() {
      listener.close();
      await serving;
    },
  };
}

Deno.test(
  "an untrusted certificate, or one for another name, is tls_failed",
  needs("openssl"),
  async () => {
    await using certificate = await makeIdentity();
    await using server = serveTls(certificate);
    for (
      const { ca, name } of [{ ca: undefined, name: "localhost" }, {
        ca: certificate.ca,
        name: "other.example.com",
      }]
    ) {
      await using channel = openTestHttp({
        ca,
        addresses: ["127.0.0.1"],
        allow: "127.0.0.1,localhost",
      });
      const payload = aFetch(`https://${name}:${server.port}/`, { method: "POST" });
      const outcome = await channel.deliver(anAttempt(payload), aContext());
      assert.ok(outcome.kind === "deferred");
      assert.equal(outcome.error.code, "tls_failed", name);
    }
  },
);

Deno.test("every fault of an upstream gets its own code in time and leaves nothing open", async () => {
  const rows: string[] = [];
  const wrong: string[] = [];
  for (const { fault, server: reply, means, url } of TABLE) {
    await using server = serveRaw(reply);
    await using channel = openTestHttp();
    const context = aContext();
    const timer = setTimeout(() => context.abort("timeout"), TIMEOUT_MS);
    const begunAt = performance.now();
    const payload = aFetch(url?.(server.port) ?? `${server.url}/`, { maxBytes: 1_000_000 });
    const outcome = await channel.deliver(anAttempt(payload), context);
    const tookMs = performance.now() - begunAt;
    clearTimeout(timer);
    const brief = outcome.kind === "delivered"
      ? "delivered"
      : `${outcome.kind} ${outcome.error.code}`;
    rows.push(`${fault.padEnd(34)} ${brief.padEnd(30)} ${tookMs.toFixed(0).padStart(6)} ms`);
    if (brief !== means) wrong.push(`${fault}: expected ${means}, got ${brief}`);
    if (tookMs > 2 * TIMEOUT_MS) wrong.push(`${fault}: took ${tookMs} ms`);
  }
  const table = `\n${rows.length} faults of an upstream\n${rows.join("\n")}\n`;
  Deno.stdout.writeSync(encode(table));
  assert.deepEqual(wrong, []);
});
