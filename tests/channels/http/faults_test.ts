import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import type { Outcome } from "../../../src/task/outcome.ts";
import { aContext, aFetch, anAttempt } from "../support/attempts.ts";
import { openGuard } from "../../../src/channels/guard/guard.ts";
import { openHttpChannel } from "../../../src/channels/http/http.ts";
import { systemClock } from "../../../src/lib/clock.ts";
import { openTestHttp, WAITS_FOR_SILENCE } from "../support/http_channel.ts";
import { hang, type RawReply, serveHttp, serveRaw } from "../support/http_servers.ts";

function reply(status: string, headers = "", body = ""): string {
  return `HTTP/1.1 ${status}\r\n${headers}Content-Length: ${body.length}\r\n\r\n${body}`;
}

function say(text: string, then: (conn: Deno.TcpConn) => Promise<void> = hang) {
  return async (conn: Deno.TcpConn) => {
    await conn.write(new TextEncoder().encode(text));
    await then(conn);
  };
}

const broken = gzipSync("x".repeat(10_000)).subarray(0, 20);

const faults: { when: string; answer: RawReply; get: string; post: string }[] = [
  // Statuses mean the same for every method.
  { when: "200", answer: reply("200 OK"), get: "delivered", post: "delivered" },
  { when: "204", answer: "HTTP/1.1 204 No Content\r\n\r\n", get: "delivered", post: "delivered" },
  { when: "304", answer: reply("304 Not Modified"), get: "delivered", post: "delivered" },
  { when: "302 without Location", answer: reply("302 Found"), get: "delivered", post: "delivered" },
  {
    when: "103 before 200",
    answer: `HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n${reply("200 OK")}`,
    get: "delivered",
    post: "delivered",
  },
  ...["400 Bad Request", "401 Unauthorized", "404 Not Found", "409 Conflict", "410 Gone", "499 x"]
    .map((status) => ({
      when: status,
      answer: reply(status),
      get: `rejected http_${status.slice(0, 3)}`,
      post: `rejected http_${status.slice(0, 3)}`,
    })),
  ...["408 x", "425 x", "429 x", "500 x", "501 x", "502 x", "503 x", "504 x", "599 x"]
    .map((status) => ({
      when: status,
      answer: reply(status),
      get: `deferred http_${status.slice(0, 3)}`,
      post: `deferred http_${status.slice(0, 3)}`,
    })),
  {
    when: "a 404 whose body is cut",
    answer: "HTTP/1.1 404 Not Found\r\nContent-Length: 10\r\n\r\nabc",
    get: "rejected http_404",
    post: "rejected http_404",
  },
  // Without a response head, the effect of a POST is unknown.
  {
    when: "a connection closed at once",
    answer: null,
    get: "deferred connection_reset",
    post: "unknown connection_reset",
  },
  {
    when: "a connection closed after the request",
    answer: "",
    get: "deferred connection_reset",
    post: "unknown connection_reset",
  },
  {
    when: "half a status line",
    answer: "HTTP/1.1 20",
    get: "deferred connection_reset",
    post: "unknown connection_reset",
  },
  {
    when: "half a head",
    answer: "HTTP/1.1 200 OK\r\nContent-",
    get: "deferred connection_reset",
    post: "unknown connection_reset",
  },
  {
    when: "another protocol",
    answer: "220 relay ready\r\n",
    get: "deferred bad_response",
    post: "unknown bad_response",
  },
  {
    when: "random bytes",
    answer: new Uint8Array([22, 3, 1, 0, 0, 0, 13, 10]),
    get: "deferred bad_response",
    post: "unknown bad_response",
  },
  {
    when: "a status of letters",
    answer: "HTTP/1.1 abc OK\r\n\r\n",
    get: "deferred bad_response",
    post: "unknown bad_response",
  },
  {
    when: "a broken header",
    answer: "HTTP/1.1 200 OK\r\nbad header\0: x\r\n\r\n",
    get: "deferred bad_response",
    post: "unknown bad_response",
  },
  {
    when: "two lengths",
    answer: "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    get: "deferred bad_response",
    post: "unknown bad_response",
  },
  {
    when: "an invalid length",
    answer: "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nab",
    get: "deferred bad_response",
    post: "unknown bad_response",
  },
  {
    when: "headers without end",
    answer: `HTTP/1.1 200 OK\r\nX: ${"a".repeat(40_000)}\r\n\r\n`,
    get: "deferred bad_response",
    post: "unknown bad_response",
  },
  // With a head, the status says that a POST was delivered, whatever happens to the body.
  {
    when: "a body that is cut",
    answer: "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
    get: "deferred connection_reset",
    post: "delivered",
  },
  {
    when: "a chunk that is cut",
    answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
    get: "deferred connection_reset",
    post: "delivered",
  },
  {
    when: "a chunk of nonsense",
    answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nab",
    get: "deferred bad_response",
    post: "delivered",
  },
  {
    when: "a body that pauses",
    answer: say("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"),
    get: "deferred timeout",
    post: "delivered",
  },
  {
    when: "a body that never starts",
    answer: say("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"),
    get: "deferred timeout",
    post: "delivered",
  },
  {
    when: "invalid gzip",
    answer: reply("200 OK", "Content-Encoding: gzip\r\n", "not gzip at all"),
    get: "deferred bad_response",
    post: "delivered",
  },
  {
    when: "gzip that is cut",
    answer: new Uint8Array([
      ...new TextEncoder().encode(
        `HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: ${broken.length}\r\n\r\n`,
      ),
      ...broken,
    ]),
    get: "deferred bad_response",
    post: "delivered",
  },
  {
    when: "invalid br",
    answer: reply("200 OK", "Content-Encoding: br\r\n", "not brotli at all"),
    get: "deferred bad_response",
    post: "delivered",
  },
  {
    when: "invalid zstd",
    answer: reply("200 OK", "Content-Encoding: zstd\r\n", "not zstd at all"),
    get: "deferred bad_response",
    post: "delivered",
  },
  {
    when: "a body encoded again and again",
    answer: reply("200 OK", "Content-Encoding: gzip, gzip, gzip, gzip\r\n", "x"),
    get: "deferred bad_response",
    post: "delivered",
  },
  {
    when: "a body too long",
    answer: reply("200 OK", "", "x".repeat(5_000)),
    get: "rejected too_large",
    post: "delivered",
  },
];

function brief(outcome: Outcome): string {
  return outcome.kind === "delivered" ? outcome.kind : `${outcome.kind} ${outcome.error.code}`;
}

Deno.test.each(faults)("$when makes a GET $get and a POST $post", async ({ answer, get, post }) => {
  await using server = serveRaw(answer);
  await using channel = openTestHttp(get.endsWith("timeout") ? { waits: WAITS_FOR_SILENCE } : {});
  for (const [method, expected] of [["GET", get], ["POST", post]] as const) {
    const payload = aFetch(server.url, { method, maxBytes: 4_000 });
    const outcome = await channel.deliver(anAttempt(payload), aContext());
    assert.equal(brief(outcome), expected, method);
  }
});

Deno.test.each([10, 3_000_000])(
  "A server that closes after %i bytes of gzip is complete",
  async (n) => {
    const text = Array.from({ length: n / 10 }, () => Math.random().toString(36).slice(2, 12)).join(
      "",
    );
    const body = gzipSync(text);
    const head =
      `HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: ${body.length}\r\n\r\n`;
    await using server = serveRaw(new Uint8Array([...new TextEncoder().encode(head), ...body]));
    await using channel = openTestHttp();
    const payload = aFetch(server.url, { maxBytes: 20_000_000 });
    const outcome = await channel.deliver(anAttempt(payload), aContext());
    assert.equal(brief(outcome), "delivered");
    assert.equal((outcome.result as { bytes: number }).bytes, text.length);
  },
);

Deno.test("A refused connection defers a POST, because no byte was sent", async () => {
  const gone = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = gone.addr;
  gone.close();
  await using channel = openTestHttp();
  const payload = aFetch(`http://127.0.0.1:${port}/`, { method: "POST" });
  const context = aContext();
  const outcome = await channel.deliver(anAttempt(payload), context);
  assert.equal(brief(outcome), "deferred connection_refused");
  assert.deepEqual(context.said, []);
});

Deno.test.each([
  { why: "a server that speaks no TLS", answer: "HTTP/1.1 400 Bad Request\r\n\r\n" },
])("$why fails at TLS before a byte was sent", async ({ answer }) => {
  await using server = serveRaw(say(answer));
  await using channel = openTestHttp({ waits: { connect: 900, idle: 900 } });
  const payload = aFetch(server.url.replace("http:", "https:"), { method: "POST" });
  const outcome = await channel.deliver(anAttempt(payload), aContext());
  assert.match(brief(outcome), /^deferred (tls_failed|timeout)$/);
});

Deno.test("An address that never answers times out", async () => {
  // A listener whose backlog is full takes no more connections.
  await using server = serveRaw(hang);
  await using channel = openTestHttp({ waits: { connect: 200, idle: 200 } });
  const payload = aFetch(server.url.replace("http:", "https:"));
  const outcome = await channel.deliver(anAttempt(payload), aContext());
  assert.equal(brief(outcome), "deferred timeout");
});

Deno.test("A request with an invalid header is rejected", async () => {
  await using server = serveRaw("");
  await using channel = openTestHttp();
  const payload = aFetch(server.url, { headers: { "x-a": "1\r\nX-Evil: 2" } });
  const outcome = await channel.deliver(anAttempt(payload), aContext());
  assert.equal(brief(outcome), "rejected bad_request");
});

Deno.test.each([
  { more: { url: "http://V SECRET/" }, pointer: "/url" },
  { more: { url: "" }, pointer: "/url" },
  { more: { headers: { "x-a": "SECRET\n" } }, pointer: "/headers/x-a" },
  { more: { headers: { "x-a": "SECRET ☃" } }, pointer: "/headers/x-a" },
])("A placeholder that makes $pointer invalid is named without its value", async (row) => {
  await using server = serveRaw("");
  await using channel = openTestHttp();
  const outcome = await channel.deliver(anAttempt(aFetch(server.url, row.more)), aContext());
  assert.ok(outcome.kind === "rejected");
  assert.equal(outcome.error.code, "bad_request");
  assert.match(outcome.error.detail, new RegExp(`: ${row.pointer} is not valid`));
  assert.ok(!JSON.stringify(outcome).includes("SECRET"));
});

Deno.test("A service on all addresses does not call itself by one of them", async () => {
  await using server = serveHttp(() => new Response("me"));
  const guard = openGuard({
    allow: [],
    self: { hostname: "0.0.0.0", port: server.port },
    resolve: () => Promise.resolve(["127.0.0.1"]),
  });
  // The guard would refuse 127.0.0.1 itself: this stands for a public address of the machine.
  const open = { ...guard, addressesOf: () => Promise.resolve(["127.0.0.1"]) };
  const channel = openHttpChannel({ guard: open, version: "1", clock: systemClock });
  const payload = aFetch(`http://a.org:${server.port}/`);
  const outcome = await channel.deliver(anAttempt(payload), aContext());
  await channel.close?.();
  assert.equal(brief(outcome), "rejected address_refused");
});

const cuts: { method: string; cause: string; kind: string }[] = [
  { method: "GET", cause: "cancelled", kind: "deferred cancelled" },
  { method: "HEAD", cause: "timeout", kind: "deferred timeout" },
  { method: "OPTIONS", cause: "drain", kind: "deferred drain" },
  { method: "POST", cause: "timeout", kind: "unknown timeout" },
  { method: "PUT", cause: "shutdown", kind: "unknown shutdown" },
  { method: "DELETE", cause: "cancelled", kind: "unknown cancelled" },
];

Deno.test.each(cuts)("A $method aborted in flight is $kind", async ({ method, cause, kind }) => {
  const arrived = Promise.withResolvers<void>();
  await using server = serveRaw(async (conn) => {
    arrived.resolve();
    await hang(conn);
  });
  await using channel = openTestHttp();
  const context = aContext();
  const delivering = channel.deliver(anAttempt(aFetch(server.url, { method })), context);
  await arrived.promise;
  context.abort(cause);
  assert.equal(brief(await delivering), kind);
});

Deno.test("A POST aborted before it was sent is deferred and never sent", async () => {
  let requests = 0;
  await using server = serveHttp(() => {
    requests++;
    return new Response();
  });
  await using channel = openTestHttp();
  const context = aContext();
  const payload = aFetch(server.url, { method: "POST" });
  const delivering = channel.deliver(anAttempt(payload), context);
  context.abort("cancelled");
  assert.equal(brief(await delivering), "deferred cancelled");
  assert.equal((await channel.deliver(anAttempt(payload), aContext())).kind, "delivered");
  assert.equal(requests, 1);
});

const delays: { status: string; header: string; ms: number | undefined; hold: boolean }[] = [
  { status: "429 x", header: "2", ms: 2_000, hold: true },
  { status: "503 x", header: "120", ms: 120_000, hold: true },
  { status: "500 x", header: "3", ms: 3_000, hold: false },
  { status: "503 x", header: "soon", ms: undefined, hold: false },
  { status: "503 x", header: "-5", ms: undefined, hold: false },
  { status: "503 x", header: "99999999", ms: 86_400_000, hold: true },
  { status: "429 x", header: "99999999999999999999", ms: 86_400_000, hold: true },
  { status: "503 x", header: "Fri, 01 Jan 2021 00:00:00 GMT", ms: 0, hold: true },
];

Deno.test.each(delays)("Retry-After: $header with $status asks for $ms ms", async (row) => {
  await using server = serveRaw(reply(row.status, `Retry-After: ${row.header}\r\n`));
  await using channel = openTestHttp();
  const outcome = await channel.deliver(anAttempt(aFetch(server.url)), aContext());
  assert.ok(outcome.kind === "deferred");
  assert.equal(outcome.retryAfterMs, row.ms);
  assert.equal(outcome.hold !== undefined, row.hold);
  if (row.hold) assert.ok((outcome.hold?.forMs ?? 0) <= 3_600_000);
});

Deno.test.each([
  { what: "interim responses", reply: "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" },
  { what: "interim responses without headers", reply: "HTTP/1.1 102 Processing\r\n\r\n" },
])("A server that sends $what without end is cut off", async ({ reply }) => {
  const bytes = new TextEncoder().encode(reply.repeat(500));
  let sent = 0;
  await using server = serveRaw(async (conn) => {
    for (;;) sent += await conn.write(bytes);
  });
  await using channel = openTestHttp();
  const outcome = await channel.deliver(anAttempt(aFetch(server.url)), aContext());
  assert.ok(outcome.kind === "deferred" && outcome.error.code === "bad_response", outcome.kind);
  assert.ok(sent < 10_000_000, `${sent} bytes were sent`);
});

Deno.test("A body of many tiny chunks is cut off", async () => {
  const bytes = new TextEncoder().encode("1\r\na\r\n".repeat(10_000));
  await using server = serveRaw(async (conn) => {
    await conn.write(
      new TextEncoder().encode("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"),
    );
    for (;;) await conn.write(bytes);
  });
  await using channel = openTestHttp();
  const outcome = await channel.deliver(anAttempt(aFetch(server.url)), aContext());
  assert.ok(outcome.kind === "deferred" && outcome.error.code === "bad_response", outcome.kind);
});
