import assert from "node:assert/strict";

import { systemClock } from "../../src/lib/clock.ts";
import { silentLog } from "../support/silent_log.ts";
import { respondError } from "../../src/http/problems.ts";
import { readJson } from "../../src/http/request/body.ts";
import { openServer } from "../../src/http/server.ts";
import { FakeClock, settled } from "../support/fake_clock.ts";
import { parseResponse, rawRequest, readAll } from "../support/raw_http.ts";

const AT_LOOPBACK = { hostname: "127.0.0.1", port: 0, clock: systemClock, log: silentLog };

Deno.test("a server responds at its URL", async () => {
  const server = openServer(() => new Response("here"), AT_LOOPBACK);
  assert.equal(server.url, `http://127.0.0.1:${server.port}`);
  assert.equal(await (await fetch(server.url)).text(), "here");
  await server.close(5_000);
});

Deno.test("a server that closes finishes open responses", async () => {
  const asked = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<Response>();
  const server = openServer(() => {
    asked.resolve();
    return answer.promise;
  }, AT_LOOPBACK);
  const response = fetch(server.url);
  await asked.promise;
  const closed = server.close(5_000);
  answer.resolve(new Response("late, but here"));
  assert.equal(await (await response).text(), "late, but here");
  await closed;
});

Deno.test("a server that closes does not wait for a half-sent body", async () => {
  const asked = Promise.withResolvers<void>();
  const server = openServer(async (request) => {
    asked.resolve();
    await request.text().catch(() => {});
    return new Response();
  }, AT_LOOPBACK);
  const socket = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
  await socket.write(
    new TextEncoder().encode("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf"),
  );
  await asked.promise;
  await server.close(50);
  socket.close();
  await server.close(5_000);
});

Deno.test("the error names an address that is in use", async () => {
  const server = openServer(() => new Response(), AT_LOOPBACK);
  assert.throws(() => openServer(() => new Response(), { ...AT_LOOPBACK, port: server.port }), {
    name: "AddrInUse",
    message: new RegExp(`127\\.0\\.0\\.1:${server.port}`),
  });
  await server.close(5_000);
});

Deno.test.each([
  { host: "Host: x:99999" },
  { host: "Host: a b" },
  { host: "Host: %" },
  { host: "Host: a/notify?x=" },
  { host: "Host: user@a" },
  { host: "Host: [::1" },
  { host: "Host: " },
  { host: "X-No-Host: a" },
])("a request with $host gets 400 and reaches no route", async ({ host }) => {
  let reached = false;
  const server = openServer(() => {
    reached = true;
    return new Response();
  }, AT_LOOPBACK);
  const { status, body } = await rawRequest(server.port, "GET / HTTP/1.1", host);
  await server.close(5_000);
  assert.equal(status, 400);
  assert.equal(JSON.parse(body).code, "bad_request");
  assert.match(JSON.parse(body).requestId, /^req_/);
  assert.equal(reached, false);
});

Deno.test.each([
  { host: "localhost" },
  { host: "127.0.0.1:8000" },
  { host: "[::1]:8000" },
  { host: "postrider_1.internal:65535" },
])("a request with Host $host reaches its route", async ({ host }) => {
  const server = openServer(() => new Response("here"), AT_LOOPBACK);
  const { status } = await rawRequest(server.port, "GET / HTTP/1.1", `Host: ${host}`);
  await server.close(5_000);
  assert.equal(status, 200);
});

Deno.test.each([
  { framing: "Content-Length: 100000", piece: "a" },
  { framing: "Transfer-Encoding: chunked", piece: "1\r\na\r\n" },
])("a body ($framing) that misses its deadline ends with a closed connection", async (row) => {
  const clock = new FakeClock();
  const reading = Promise.withResolvers<void>();
  const server = openServer(async (request) => {
    const read = readJson(request, 2 ** 20, clock);
    reading.resolve();
    try {
      await read;
      return new Response();
    } catch (error) {
      return respondError(error, "req_1", { log: silentLog });
    }
  }, AT_LOOPBACK);
  const socket = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
  const head = "POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";
  const text = new TextEncoder();
  await socket.write(text.encode(`${head}${row.framing}\r\n\r\n${row.piece}`));
  await reading.promise;
  await settled();
  await clock.advance(30_000);
  let isOpen = true;
  const response = readAll(socket).finally(() => isOpen = false);
  while (isOpen) {
    await socket.write(text.encode(row.piece)).catch(() => {});
    await clock.advance(200);
  }
  const { status, body } = parseResponse(await response);
  assert.equal(status, 400);
  assert.match(JSON.parse(body).detail, /within 30 seconds/);
  await server.close(5_000);
});
