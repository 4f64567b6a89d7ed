import assert from "node:assert/strict";

import { systemClock } from "../../src/lib/clock.ts";
import { silentLog } from "../support/silent_log.ts";
import { openServer } from "../../src/http/server.ts";

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
