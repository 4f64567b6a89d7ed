import assert from "node:assert/strict";
import { parseEgressProxy } from "../../../src/channels/guard/egress_proxy.ts";
import { needs } from "../../support/needs.ts";
import { aContext, aFetch, anAttempt } from "../support/attempts.ts";
import { openTestHttp } from "../support/http_channel.ts";
import { serveHttp } from "../support/http_servers.ts";
import { makeIdentity } from "../support/tls_relay.ts";
import { startTunnel } from "../support/tunnel.ts";

Deno.test.each([
  { text: "http://proxy:3128", proxy: { hostname: "proxy", port: 3_128 } },
  { text: "http://proxy.example.org/", proxy: { hostname: "proxy.example.org", port: 80 } },
  { text: "http://[::1]:3128", proxy: { hostname: "::1", port: 3_128 } },
  {
    text: "http://us%40er:p%C3%A4ss@10.0.0.1:8080",
    proxy: { hostname: "10.0.0.1", port: 8_080, authorization: "Basic dXNAZXI6cMOkc3M=" },
  },
  { text: "https://proxy:3128", proxy: undefined },
  { text: "http://proxy/path", proxy: undefined },
  { text: "http://%zz:x@proxy", proxy: undefined },
  { text: "proxy:3128", proxy: undefined },
])("parseEgressProxy() reads $text", ({ text, proxy }) => {
  assert.deepEqual(parseEgressProxy(text), proxy);
});

Deno.test("requests go through the proxy, to the address that the guard permits", async () => {
  await using server = serveHttp(({ headers }) => new Response(headers.get("host")));
  await using proxy = startTunnel();
  await using channel = openTestHttp({ addresses: ["127.0.0.1"], egressProxy: proxy.proxy });
  const url = `http://a.org:${server.port}/`;
  const outcome = await channel.deliver(anAttempt(aFetch(url)), aContext());
  assert.equal(outcome.kind, "delivered");
  assert.equal((outcome.result as { body: string }).body, `a.org:${server.port}`);
  const [head = ""] = proxy.heads;
  assert.match(head, new RegExp(`^CONNECT 127.0.0.1:${server.port} HTTP/1.1\r\n`));
  assert.match(head, /\r\nProxy-Authorization: Basic abc\r\n/);
});

Deno.test(
  "TLS is spoken through the proxy, with the name's certificate",
  needs("openssl"),
  async () => {
    await using identity = await makeIdentity();
    const server = Deno.serve({
      hostname: "127.0.0.1",
      port: 0,
      key: identity.key,
      cert: identity.ca,
      onListen() {},
    }, () => new Response("secret"));
    await using proxy = startTunnel();
    {
      await using channel = openTestHttp({
        ca: identity.ca,
        addresses: ["127.0.0.1"],
        allow: "localhost,127.0.0.1",
        egressProxy: proxy.proxy,
      });
      const payload = aFetch(`https://localhost:${server.addr.port}/`);
      const outcome = await channel.deliver(anAttempt(payload), aContext());
      assert.equal(outcome.kind, "delivered");
      assert.equal((outcome.result as { body: string }).body, "secret");
    }
    await server.shutdown();
  },
);

Deno.test("the guard still decides: the proxy is not asked for a private address", async () => {
  await using proxy = startTunnel();
  await using channel = openTestHttp({ addresses: ["10.0.0.1"], egressProxy: proxy.proxy });
  const outcome = await channel.deliver(anAttempt(aFetch("http://a.org/")), aContext());
  assert.ok(outcome.kind === "rejected");
  assert.equal(outcome.error.code, "address_refused");
  assert.deepEqual(proxy.heads, []);
});

Deno.test("a proxy that refuses or is away is named, and the request was not sent", async () => {
  await using server = serveHttp(() => new Response());
  await using refusing = startTunnel("407 Proxy Authentication Required");
  const gone = startTunnel();
  await gone[Symbol.asyncDispose]();
  for (const { proxy } of [refusing, gone]) {
    await using channel = openTestHttp({ egressProxy: proxy });
    const payload = aFetch(server.url, { method: "POST" });
    const outcome = await channel.deliver(anAttempt(payload), aContext());
    assert.ok(outcome.kind === "deferred");
    assert.equal(outcome.error.code, "proxy_failed");
  }
});
