import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import {
  brotliCompressSync,
  deflateRawSync,
  deflateSync,
  gzipSync,
  zstdCompressSync,
} from "node:zlib";
import type { FetchPayload } from "../../../src/task/payloads.ts";
import { aContext, aFetch, anAttempt } from "../support/attempts.ts";
import { openTestHttp } from "../support/http_channel.ts";
import { aFolder } from "../../support/process.ts";
import { serveHttp, serveRaw } from "../support/http_servers.ts";

/** Answers with the request as JSON. */
async function echo(request: Request): Promise<Response> {
  const { method, url } = request;
  const headers = Object.fromEntries(request.headers);
  return Response.json({
    method,
    path: new URL(url).pathname,
    headers,
    body: await request.text(),
  });
}

// deno-lint-ignore no-explicit-any -- results are JSON of many shapes
type Any = any;

async function fetched(url: string, more: Partial<FetchPayload> = {}) {
  await using channel = openTestHttp();
  const context = aContext();
  const attempt = anAttempt(aFetch(url, more));
  const outcome: Any = await channel.deliver(attempt, context);
  return { outcome, result: outcome.result, attempt, said: context.said };
}

Deno.test("A GET returns status, headers, digest and text", async () => {
  await using server = serveHttp(() => new Response("héllo", { headers: { "x-a": "1" } }));
  const { outcome, result } = await fetched(`${server.url}/a?b=c#d`);
  assert.equal(outcome.kind, "delivered");
  assert.equal(result.status, 200);
  assert.equal(result.url, `${server.url}/a?b=c#d`);
  assert.equal(result.body, "héllo");
  assert.equal(result.bytes, 6);
  assert.equal(result.sha256, createHash("sha256").update("héllo").digest("hex"));
  assert.equal(result.truncated, false);
  assert.equal(result.headers["x-a"], "1");
  assert.equal(result.contentType, "text/plain;charset=UTF-8");
  assert.deepEqual(result.hops, []);
  assert.equal(outcome.evidence.remote, `127.0.0.1:${server.port}`);
  assert.ok(result.timings.firstByte <= result.timings.total);
});

Deno.test("A request carries our headers and the caller's", async () => {
  await using server = serveHttp(echo);
  await using channel = openTestHttp();
  const payload = aFetch(`${server.url}/in`, {
    method: "POST",
    headers: { "x-mine": "yes", "content-type": "text/plain" },
    body: "hällo",
  });
  const more = { number: 3, requestId: "r-1", traceparent: "00-a-b-01" };
  const attempt = anAttempt(payload, more);
  const outcome: Any = await channel.deliver(attempt, aContext());
  const seen = JSON.parse(outcome.result.body);
  assert.equal(seen.method, "POST");
  assert.equal(seen.body, "hällo");
  assert.deepEqual({ ...seen.headers, host: "", "content-length": "" }, {
    accept: "*/*",
    "accept-encoding": "gzip, deflate, br, zstd",
    "content-length": "",
    "content-type": "text/plain",
    connection: "keep-alive",
    host: "",
    "idempotency-key": attempt.taskId,
    "postrider-attempt": "3",
    "postrider-task": attempt.taskId,
    "user-agent": "Postrider/1.2.3",
    "x-mine": "yes",
    "x-request-id": "r-1",
    traceparent: "00-a-b-01",
  });
});

Deno.test("The caller's Idempotency-Key and User-Agent are kept, connection headers are dropped", async () => {
  await using server = serveHttp(echo);
  const { result } = await fetched(server.url, {
    method: "PUT",
    headers: {
      "idempotency-key": "mine",
      "user-agent": "me",
      host: "evil.example",
      "transfer-encoding": "chunked",
      "content-length": "1",
      expect: "100-continue",
      upgrade: "h2c",
      "postrider-task": "tsk_forged",
    },
    bodyBase64: btoa("\x00\x01"),
  });
  const { headers, body } = JSON.parse(result.body);
  assert.equal(headers["idempotency-key"], "mine");
  assert.equal(headers["user-agent"], "me");
  assert.equal(headers.host, new URL(server.url).host);
  assert.equal(headers["content-length"], "2");
  assert.equal(body, "\x00\x01");
  assert.notEqual(headers["postrider-task"], "tsk_forged");
  for (const name of ["transfer-encoding", "expect", "upgrade"]) {
    assert.equal(headers[name], undefined);
  }
});

Deno.test("Header names are sent over HTTP/1.1 in the caller's spelling", async () => {
  let seen = "";
  await using server = serveRaw(async (conn, head) => {
    seen = head;
    await conn.write(bytesOf("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
  });
  const headers = { "x-api-key": "k", "soapaction": "a", "constructor": "c" };
  const headerNames = { "x-api-key": "X-API-Key", "soapaction": "SOAPAction" };
  const { outcome } = await fetched(server.url, { headers, headerNames });
  assert.equal(outcome.kind, "delivered");
  assert.match(seen, /\r\nX-API-Key: k\r\n/);
  assert.match(seen, /\r\nSOAPAction: a\r\n/);
  assert.match(seen, /\r\nconstructor: c\r\n/);
  assert.doesNotMatch(seen, /x-api-key/);
});

Deno.test("A GET may have a body, and an empty query is kept", async () => {
  let line = "";
  await using server = serveRaw(async (conn, head) => {
    line = `${head.split("\r\n")[0]} ${/content-length: \d+/i.exec(head)?.[0]}`;
    await conn.write(bytesOf("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
  });
  await fetched(`${server.url}/a?`, { method: "GET", body: "{}" });
  assert.equal(line, "GET /a? HTTP/1.1 content-length: 2");
  await fetched(`${server.url}/a?b=%20c#d`);
  assert.equal(line, "GET /a?b=%20c HTTP/1.1 undefined");
});

Deno.test.each([204, 205, 304])("A %i is delivered and saves no file", async (status) => {
  await using downloads = await aFolder();
  await using server = serveRaw(`HTTP/1.1 ${status} x\r\n\r\n`);
  await using channel = openTestHttp({ downloads: downloads.path });
  const payload = aFetch(server.url, { save: true });
  const outcome: Any = await channel.deliver(anAttempt(payload), aContext());
  assert.deepEqual([outcome.kind, outcome.result.status], ["delivered", status]);
  assert.equal(outcome.result.saved, undefined);
  assert.deepEqual([...Deno.readDirSync(downloads.path)], []);
});

Deno.test("A GET has no Idempotency-Key and never reports the stage sending", async () => {
  await using server = serveHttp(echo);
  const { result, said } = await fetched(server.url);
  assert.equal(JSON.parse(result.body).headers["idempotency-key"], undefined);
  assert.deepEqual(said, []);
});

Deno.test("A POST reports the stage sending before its bytes are sent", async () => {
  await using channel = openTestHttp();
  const context = aContext();
  let before: unknown;
  await using server = serveHttp(() => {
    before = [...context.said];
    return new Response();
  });
  await channel.deliver(anAttempt(aFetch(server.url, { method: "POST" })), context);
  assert.deepEqual(before, [{ stage: "sending" }]);
});

const long = "0123456789".repeat(20_000);

Deno.test.each(
  [
    { coding: "gzip", encode: gzipSync },
    { coding: "x-gzip", encode: gzipSync },
    { coding: "deflate", encode: deflateSync },
    { coding: "deflate", encode: deflateRawSync },
    { coding: "br", encode: brotliCompressSync },
    { coding: "zstd", encode: zstdCompressSync },
    { coding: "gzip, br", encode: (text: string) => brotliCompressSync(gzipSync(text)) },
    { coding: "identity", encode: (text: string) => new TextEncoder().encode(text) },
    { coding: "utf-8", encode: (text: string) => new TextEncoder().encode(text) },
  ] as { coding: string; encode: (text: string) => Uint8Array<ArrayBuffer> }[],
)("A body encoded as $coding is measured and hashed decoded", async ({ coding, encode }) => {
  await using server = serveHttp(() =>
    new Response(encode(long), {
      headers: { "content-encoding": coding, "content-type": "text/x" },
    })
  );
  const { outcome, result } = await fetched(server.url);
  assert.equal(outcome.kind, "delivered");
  assert.equal(result.bytes, long.length);
  assert.equal(result.sha256, createHash("sha256").update(long).digest("hex"));
  assert.equal(result.body, long.slice(0, 65_536));
  assert.equal(result.truncated, true);
});

Deno.test("An encoded response without a body is an empty one", async () => {
  const headers = { "content-encoding": "gzip" };
  await using server = serveHttp(() => new Response(null, { headers }));
  const { outcome, result } = await fetched(server.url, { method: "HEAD" });
  assert.equal(outcome.kind, "delivered");
  assert.equal(result.bytes, 0);
});

const transfers: { coding: string; body: Uint8Array; kind: string }[] = [
  { coding: "gzip, chunked", body: chunked(gzipSync("hello")), kind: "delivered" },
  { coding: "gzip", body: gzipSync("hello"), kind: "delivered" },
  { coding: "GZIP, Chunked", body: chunked(gzipSync("hello").subarray(0, -1)), kind: "deferred" },
  { coding: "compress, chunked", body: chunked(bytesOf("hello")), kind: "deferred" },
];

function chunked(body: Uint8Array): Uint8Array {
  const size = bytesOf(`${body.length.toString(16)}\r\n`);
  return new Uint8Array([...size, ...body, ...bytesOf("\r\n0\r\n\r\n")]);
}

Deno.test.each(transfers)(
  "A body in the transfer coding $coding is decoded or a fault: $kind",
  async ({ coding, body, kind }) => {
    const head = bytesOf(`HTTP/1.1 200 OK\r\nTransfer-Encoding: ${coding}\r\n\r\n`);
    await using server = serveRaw(new Uint8Array([...head, ...body]));
    const { outcome, result } = await fetched(server.url);
    assert.equal(outcome.kind, kind);
    if (kind === "delivered") assert.equal(result.body, "hello");
    else assert.equal(outcome.error.code, "bad_response");
  },
);

Deno.test("A header that holds one value and is sent twice counts once", async () => {
  const lines = [
    ...["Content-Type: application/json", "Content-Disposition: attachment; filename=a.json"],
    'ETag: "v1"',
  ].flatMap((line) => [line, line]);
  const head = ["HTTP/1.1 200 OK", ...lines, "X-A: 1", "X-A: 2", "Content-Length: 8"];
  await using server = serveRaw(`${head.join("\r\n")}\r\n\r\n{"a": 1}`);
  const { result } = await fetched(server.url, { extract: { json: { a: "/a" } } });
  assert.deepEqual([result.contentType, result.body], ["application/json", '{"a": 1}']);
  assert.deepEqual([result.headers.etag, result.headers["x-a"]], ['"v1"', "1, 2"]);
});

Deno.test("A date in Retry-After that is sent twice is heeded", async () => {
  const date = `Retry-After: ${new Date(Date.now() + 3_600_000).toUTCString()}`;
  const head = ["HTTP/1.1 503 Later", date, date, "Content-Length: 0"];
  await using server = serveRaw(`${head.join("\r\n")}\r\n\r\n`);
  const { outcome } = await fetched(server.url);
  assert.ok(outcome.retryAfterMs > 0);
});

Deno.test("429 beside a reset alone holds the host until then", async () => {
  await using server = serveRaw(
    "HTTP/1.1 429 Slow\r\nX-RateLimit-Reset: 30\r\nContent-Length: 0\r\n\r\n",
  );
  const { outcome } = await fetched(server.url);
  assert.deepEqual([outcome.retryAfterMs, outcome.hold.forMs], [30_000, 30_000]);
});

Deno.test("A status below 100 is no HTTP", async () => {
  await using server = serveRaw("HTTP/1.1 099 What\r\nContent-Length: 2\r\n\r\nok");
  const { outcome } = await fetched(server.url);
  assert.equal(outcome.error.code, "bad_response");
});

Deno.test("A decompression bomb is stopped at maxBytes", async () => {
  const bomb = new Uint8Array(gzipSync(gzipSync(new Uint8Array(200_000_000))));
  const headers = { "content-encoding": "gzip, gzip" };
  await using server = serveHttp(() => new Response(bomb, { headers }));
  const { outcome } = await fetched(server.url, { maxBytes: 1_000_000 });
  assert.equal(outcome.kind, "rejected");
  assert.equal(outcome.error.code, "too_large");
});

Deno.test("A body longer than maxBytes is refused with and without a Content-Length", async () => {
  await using server = serveHttp(({ url }) => {
    const chunks = ReadableStream.from(Array(20).fill(new Uint8Array(1_000)));
    return new Response(url.endsWith("/streamed") ? chunks : new Uint8Array(20_000));
  });
  for (const path of ["/whole", "/streamed"]) {
    const { outcome } = await fetched(server.url + path, { maxBytes: 10_000 });
    assert.equal(outcome.error?.code, "too_large", path);
    assert.equal(outcome.kind, "rejected");
  }
  const { outcome } = await fetched(`${server.url}/whole`, { maxBytes: 20_000 });
  assert.equal(outcome.kind, "delivered");
});

const texts: { type: string | null; bytes: Uint8Array<ArrayBuffer>; body: string | undefined }[] = [
  { type: "text/plain", bytes: bytesOf("é"), body: "é" },
  { type: "text/plain; charset=iso-8859-1", bytes: new Uint8Array([0xe9]), body: "é" },
  { type: 'text/html; charset="windows-1252"', bytes: new Uint8Array([0x80]), body: "€" },
  { type: "text/plain; charset=nonsense", bytes: bytesOf("é"), body: "é" },
  { type: "application/json", bytes: bytesOf("{}"), body: "{}" },
  { type: "application/vnd.api+json", bytes: bytesOf("{}"), body: "{}" },
  { type: "image/svg+xml", bytes: bytesOf("<svg/>"), body: "<svg/>" },
  { type: "application/octet-stream", bytes: bytesOf("text"), body: undefined },
  { type: "image/png", bytes: bytesOf("text"), body: undefined },
  { type: null, bytes: bytesOf("é"), body: "é" },
  { type: null, bytes: new Uint8Array([0xff, 0xfe]), body: undefined },
  { type: null, bytes: bytesOf("a\0b"), body: undefined },
];

Deno.test.each(texts)("A body of type $type is kept as $body", async ({ type, bytes, body }) => {
  const headers: HeadersInit = type === null ? {} : { "content-type": type };
  await using server = serveHttp(() => new Response(bytes, { headers }));
  const { result } = await fetched(server.url);
  assert.equal(result.body, body);
  assert.equal(result.bytes, bytes.length);
});

function bytesOf(text: string) {
  return new TextEncoder().encode(text);
}

Deno.test("A connection is kept for the next request", async () => {
  const ports = new Set<number>();
  await using server = serveHttp((_, { remoteAddr }) => {
    ports.add(remoteAddr.port);
    return new Response("x");
  });
  await using channel = openTestHttp();
  for (let n = 0; n < 5; n++) await channel.deliver(anAttempt(aFetch(server.url)), aContext());
  assert.ok(ports.size <= 2, `${ports.size} connections for 5 requests in turn`);
});

Deno.test("A name that resolves to a private address is rejected at the connection", async () => {
  await using channel = openTestHttp({ addresses: ["10.0.0.1"] });
  const outcome: Any = await channel.deliver(anAttempt(aFetch("http://a.org/")), aContext());
  assert.equal(outcome.kind, "rejected");
  assert.equal(outcome.error.code, "address_refused");
});

Deno.test("A name without an address is deferred", async () => {
  await using channel = openTestHttp({ addresses: [] });
  const outcome: Any = await channel.deliver(
    anAttempt(aFetch("http://a.org/", { method: "POST" })),
    aContext(),
  );
  assert.equal(outcome.kind, "deferred");
  assert.equal(outcome.error.code, "dns_failed");
});

Deno.test("The connection goes to the checked address and sends the name as Host", async () => {
  await using server = serveHttp(echo);
  await using channel = openTestHttp({ addresses: ["127.0.0.1"], allow: "127.0.0.1" });
  const url = `http://a.org:${server.port}/`;
  const outcome: Any = await channel.deliver(anAttempt(aFetch(url)), aContext());
  assert.equal(JSON.parse(outcome.result.body).headers.host, `a.org:${server.port}`);
});

Deno.test("A second address is tried when the first one refuses", async () => {
  await using server = serveHttp(echo);
  await using channel = openTestHttp({
    addresses: ["127.0.0.2", "127.0.0.1"],
    allow: "127.0.0.0/8",
  });
  const url = `http://a.org:${server.port}/`;
  const outcome: Any = await channel.deliver(anAttempt(aFetch(url)), aContext());
  assert.equal(outcome.evidence.remote, `127.0.0.1:${server.port}`);
});
