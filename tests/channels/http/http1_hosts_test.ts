import assert from "node:assert/strict";
import { connect } from "node:net";
import { openUpstreams } from "../../../src/channels/http/upstreams.ts";
import { systemClock } from "../../../src/lib/clock.ts";
import { serveHttp } from "../support/http_servers.ts";

Deno.test("a server that speaks only HTTP/1.1 is asked for HTTP/2 again after an hour", async () => {
  await using server = serveHttp(() => new Response("hello"));
  const { port } = server;
  let now = 0;
  let asked = 0;
  const upstreams = openUpstreams({
    open({ alpn }) {
      if (alpn?.includes("h2")) asked++;
      const socket = connect({ host: "127.0.0.1", port });
      return new Promise((resolve) => socket.once("connect", () => resolve(socket)));
    },
    clock: { now: () => now, monotonic: () => now, after: systemClock.after.bind(systemClock) },
    beginMs: 5_000,
  });
  const request = { origin: "https://example.org", path: "/", method: "GET", headers: {} };
  const fetch = () =>
    new Promise<void>((resolve, reject) => {
      upstreams.dispatch({ ...request, body: null }, {
        onRequestStart() {},
        onResponseStart() {},
        onResponseData() {},
        onResponseEnd: () => resolve(),
        onResponseError: reject,
      });
    });
  await fetch();
  now = 3_500_000;
  await fetch();
  assert.equal(asked, 1, "it is still known");
  now = 3_700_000;
  await fetch();
  await fetch();
  assert.equal(asked, 2);
  await upstreams.close();
});
