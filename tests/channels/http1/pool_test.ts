import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { connect, type Socket } from "node:net";
import { setImmediate } from "node:timers/promises";
import { Http1Pool } from "../../../src/channels/http1/pool.ts";
import type { UpstreamController } from "../../../src/channels/upstream.ts";
import { systemClock } from "../../../src/lib/clock.ts";
import { FakeClock } from "../../support/fake_clock.ts";
import { hang, type RawReply, serveRaw } from "../support/http_servers.ts";

/** A pool towards one raw server, and the sockets that it opened. */
function world(reply: RawReply, clock = systemClock) {
  const server = serveRaw(reply);
  const sockets: Socket[] = [];
  const pool = new Http1Pool({
    clock,
    open({ hostname, port }) {
      const socket = connect({ host: hostname, port: Number(port) });
      sockets.push(socket);
      return new Promise((resolve, reject) => {
        socket.once("connect", () => resolve(socket));
        socket.once("error", reject);
      });
    },
  });
  return {
    sockets,
    pool,
    /** Sends a request; resolves with the body, or with the code of the fault. */
    async fetch(
      { path = "/", method = "GET", body = null, onStart, onData, onSending }: {
        path?: string;
        method?: string;
        body?: string | null;
        onStart?: (controller: UpstreamController) => void;
        onData?: (controller: UpstreamController) => void;
        onSending?: () => void;
      } = {},
    ) {
      const { promise, resolve } = Promise.withResolvers<string>();
      let text = "";
      const request = { origin: server.url, path, method, headers: {}, body };
      pool.dispatch({
        request,
        tries: 0,
        handler: {
          onRequestStart: (controller) => onStart?.(controller),
          onSending: () => onSending?.(),
          onResponseStart() {},
          onResponseData(controller, chunk) {
            text += Buffer.from(chunk).toString("latin1");
            onData?.(controller);
          },
          onResponseEnd: () => resolve(text),
          onResponseError: (error) => resolve(String((error as { code?: string }).code)),
        },
      });
      return await promise;
    },
    async [Symbol.asyncDispose]() {
      await pool.close();
      await server[Symbol.asyncDispose]();
    },
  };
}

/** Resolves when the socket is closed. */
function closed(socket: Socket | undefined): Promise<void> {
  return new Promise((resolve) => {
    if (!socket || socket.closed) resolve();
    else socket.once("close", () => resolve());
  });
}

const write = async (conn: Deno.TcpConn, text: string) => {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
};
const ok = (body: string) => `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

/** Answers each request on its connection with its path and `more`, until the client closes. */
const echo = (more = "", after = "") => async (conn: Deno.TcpConn, head: string) => {
  const buffer = new Uint8Array(65_536);
  for (let text = head;;) {
    const path = text.split(" ", 2)[1] ?? "";
    await write(conn, ok(path) + more);
    if (after !== "") await write(conn, after);
    const read = await conn.read(buffer);
    if (read === null) return;
    text = Buffer.from(buffer.subarray(0, read)).toString("latin1");
  }
};

Deno.test("a connection is used for one request after another", async () => {
  await using upstream = world(echo());
  for (const path of ["/1", "/2", "/3"]) assert.equal(await upstream.fetch({ path }), path);
  assert.equal(upstream.sockets.length, 1);
});

Deno.test("requests at the same time have connections of their own", async () => {
  await using upstream = world(echo());
  const paths = Array.from({ length: 20 }, (_, n) => `/${n}`);
  const fetchAll = () => Promise.all(paths.map((path) => upstream.fetch({ path })));
  assert.deepEqual(await fetchAll(), paths);
  assert.deepEqual(await fetchAll(), paths);
  assert.equal(upstream.sockets.length, 20);
});

Deno.test.each([
  { what: "a second response", more: ok("evil"), after: "" },
  { what: "one byte", more: "x", after: "" },
  { what: "CRLF", more: "\r\n", after: "" },
  { what: "a second response in a packet of its own", more: "", after: ok("evil") },
])("$what behind a response ends its connection", async ({ more, after }) => {
  await using upstream = world(echo(more, after));
  for (const path of ["/1", "/2"]) {
    assert.equal(await upstream.fetch({ path }), path);
    await closed(upstream.sockets.at(-1));
  }
  assert.equal(upstream.sockets.length, 2);
});

Deno.test("a response never answers the request after it, however soon that comes", async () => {
  await using upstream = world(echo("", ok("evil")));
  for (let n = 0; n < 50; n++) assert.equal(await upstream.fetch({ path: `/${n}` }), `/${n}`);
});

Deno.test("a connection rests after each response, and the next request waits for it", async () => {
  const clock = new FakeClock();
  await using upstream = world(echo(), clock);
  assert.equal(await upstream.fetch({ path: "/1" }), "/1");
  let isSent = false;
  const next = upstream.fetch({ path: "/2", onSending: () => isSent = true });
  for (let turn = 0; turn < 100; turn++) await setImmediate();
  assert.equal(isSent, false);
  await clock.advance(1);
  assert.equal(await next, "/2");
  assert.equal(upstream.sockets.length, 1);
});

Deno.test("a connection without a request is closed after the server's time, or four seconds", async () => {
  const clock = new FakeClock();
  await using upstream = world(async (conn, head) => {
    const hint = head.includes("/hint") ? "Keep-Alive: timeout=20\r\n" : "";
    await write(conn, `HTTP/1.1 200 OK\r\n${hint}Content-Length: 0\r\n\r\n`);
    await hang(conn);
  }, clock);
  for (const [path, ms] of [["/", 4_000], ["/hint", 18_000]] as const) {
    await upstream.fetch({ path });
    const socket = upstream.sockets.at(-1)!;
    await clock.advance(1);
    await clock.advance(ms - 1_000);
    assert.equal(socket.destroyed, false, `${path}: too early`);
    await clock.advance(2_000);
    assert.equal(socket.destroyed, true, `${path}: too late`);
  }
});

Deno.test("a request whose connection closes meanwhile is sent on another", async () => {
  let requests = 0;
  await using upstream = world(async (conn) => {
    requests++;
    await write(conn, ok("once"));
  });
  for (let n = 1; n <= 3; n++) {
    assert.equal(await upstream.fetch(), "once");
    await closed(upstream.sockets.at(-1));
    assert.equal(requests, n);
  }
});

/** Answers the first request of each connection, and closes it when the second arrives. */
const closeAtSecond = async (conn: Deno.TcpConn, head: string) => {
  await write(conn, ok(head.split(" ", 2)[1] ?? ""));
  await conn.read(new Uint8Array(65_536));
};

Deno.test.each([
  { method: "GET", seen: "/2", connections: 2 },
  { method: "OPTIONS", seen: "/2", connections: 2 },
  // Its effect must not happen twice.
  { method: "POST", seen: "connection_reset", connections: 1 },
  { method: "DELETE", seen: "connection_reset", connections: 1 },
])("$method, as its waiting connection closes: $seen", async ({ method, seen, connections }) => {
  await using upstream = world(closeAtSecond);
  assert.equal(await upstream.fetch({ path: "/1" }), "/1");
  assert.equal(await upstream.fetch({ path: "/2", method }), seen);
  assert.equal(upstream.sockets.length, connections);
});

Deno.test("a request is sent again only when no byte of a response has come", async () => {
  await using upstream = world(async (conn) => {
    await write(conn, ok("first"));
    await conn.read(new Uint8Array(65_536));
    await write(conn, "HTTP/1.1 200 OK\r\n");
  });
  assert.equal(await upstream.fetch(), "first");
  assert.equal(await upstream.fetch(), "connection_reset");
  assert.equal(upstream.sockets.length, 1);
});

Deno.test("a new connection that closes fails its request", async () => {
  await using upstream = world(null);
  assert.equal(await upstream.fetch(), "connection_reset");
  assert.equal(upstream.sockets.length, 1);
});

Deno.test("a long body is sent completely, to a server that reads slowly too", async () => {
  const body = "x".repeat(5_000_000);
  await using upstream = world(async (conn, head) => {
    let left = body.length - (head.length - head.indexOf("\r\n\r\n") - 4);
    const buffer = new Uint8Array(10_000);
    while (left > 0) left -= await conn.read(buffer) ?? left;
    await write(conn, ok("all"));
    await hang(conn);
  });
  let most = 0;
  const fetching = upstream.fetch({
    method: "POST",
    body,
    onSending: () => {
      const socket = upstream.sockets[0]!;
      const write = socket.write.bind(socket) as (bytes: Uint8Array) => boolean;
      socket.write = (bytes: unknown) => {
        const isTaken = write(bytes as Uint8Array);
        most = Math.max(most, socket.writableLength);
        return isTaken;
      };
    },
  });
  assert.equal(await fetching, "all");
  assert.ok(most < 300_000, `${most} bytes waited to be sent`);
  assert.equal(upstream.sockets[0]?.destroyed, false);
});

Deno.test("a response that comes before the body was sent ends the connection", async () => {
  const over = Promise.withResolvers<void>();
  await using upstream = world(async (conn) => {
    await write(conn, ok("enough"));
    await over.promise;
  });
  assert.equal(await upstream.fetch({ method: "POST", body: "x".repeat(20_000_000) }), "enough");
  assert.equal(upstream.sockets[0]?.destroyed, true);
  over.resolve();
});

Deno.test("a request is aborted before it is sent, before its response and within it", async () => {
  await using upstream = world(async (conn, head) => {
    if (head.includes("/body")) {
      await write(conn, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc");
    }
    await hang(conn);
  });
  const aborted = Promise.withResolvers<void>();
  void upstream.fetch({
    onStart(controller) {
      controller.abort();
      aborted.resolve();
    },
  });
  await aborted.promise;
  assert.equal(upstream.sockets[0]?.destroyed, false, "nothing was sent: it may be used");
  let abort = () => {};
  void upstream.fetch({
    onStart: (controller) => abort = () => controller.abort(),
    onSending: () => queueMicrotask(() => abort()),
  });
  await closed(upstream.sockets[0]);
  void upstream.fetch({ path: "/body", onData: (controller) => controller.abort() });
  while (upstream.sockets.length < 2) await new Promise((resolve) => setTimeout(resolve));
  await closed(upstream.sockets[1]);
  abort();
});

Deno.test("an abort that comes late does not end the request after it", async () => {
  await using upstream = world(echo());
  let late: UpstreamController | undefined;
  await upstream.fetch({ onStart: (controller) => late = controller });
  const next = upstream.fetch({
    path: "/next",
    onSending() {
      late?.pause();
      late?.abort();
    },
  });
  assert.equal(await next, "/next");
  assert.equal(upstream.sockets.length, 1);
});

Deno.test("a body that is not wanted now waits at the server", async () => {
  let sent = 0;
  await using upstream = world(async (conn) => {
    await write(conn, "HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n");
    const bytes = new Uint8Array(100_000);
    for (let n = 0; n < 1_000; n++) {
      for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
      sent++;
    }
  });
  const paused = Promise.withResolvers<UpstreamController>();
  void upstream.fetch({
    onData(controller) {
      controller.pause();
      paused.resolve(controller);
    },
  });
  const controller = await paused.promise;
  let before = -1;
  // Until the server has filled all buffers.
  while (sent !== before) {
    before = sent;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  assert.ok(sent < 500, `${sent} of 1,000 pieces were taken`);
  controller.abort();
});

Deno.test("closing fails what runs and what comes after", async () => {
  const upstream = world(hang);
  const sent = Promise.withResolvers<void>();
  const running = upstream.fetch({ onSending: sent.resolve });
  await sent.promise;
  await upstream[Symbol.asyncDispose]();
  assert.equal(await running, "connection_reset");
  assert.equal(await upstream.fetch(), "connection_reset");
});

Deno.test("closing fails what comes after, also while a connection rests", async () => {
  const upstream = world(echo(), new FakeClock());
  assert.equal(await upstream.fetch({ path: "/1" }), "/1");
  await upstream[Symbol.asyncDispose]();
  assert.equal(await upstream.fetch(), "connection_reset");
});
