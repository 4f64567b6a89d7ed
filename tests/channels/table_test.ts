import assert from "node:assert/strict";
import { SERVICES } from "../../src/channels/chat/table.ts";
import type { Attempt } from "../../src/channels/channel.ts";
import openChannels, { type ChannelSettings } from "../../src/channels/table.ts";
import type { Json } from "../../src/task/task.ts";
import { aContext, aFetch, anAttempt, anEmail } from "./support/attempts.ts";
import { serveHttp } from "./support/http_servers.ts";
import { makeIdentity } from "./support/tls_relay.ts";

async function setup(more: Partial<ChannelSettings> = {}) {
  const directory = await Deno.makeTempDir();
  const settings: ChannelSettings = {
    mail: { kind: "outbox", lane: "outbox", directory },
    fetchAllow: [{ name: "localhost" }],
    version: "1.2.3",
    ...more,
  };
  // As it arrives: by message.
  const channels = openChannels(structuredClone(settings) as unknown as Json, { onLost() {} });
  return {
    channels,
    deliver: (name: string, attempt: Attempt) => channels.get(name)?.deliver(attempt, aContext()),
    async [Symbol.asyncDispose]() {
      await Promise.all([...channels.values()].map((channel) => channel.close?.()));
      await channels.close?.();
      await Deno.remove(directory, { recursive: true });
    },
  };
}

Deno.test("The table delivers mails and requests as its settings say", async () => {
  await using table = await setup();
  await using server = serveHttp(({ headers }) => new Response(headers.get("user-agent")));
  const names = ["callback", "email", "http", ...SERVICES.map(({ name }) => name)];
  assert.deepEqual([...table.channels.keys()], names);
  assert.equal((await table.deliver("email", anAttempt(anEmail())))?.kind, "delivered");
  const url = `http://localhost:${server.port}/`;
  const outcome = await table.deliver("http", anAttempt(aFetch(url)));
  assert.equal((outcome?.result as { body: string }).body, "Postrider/1.2.3");
});

Deno.test("The table guards what is not allowed", async () => {
  await using table = await setup();
  const outcome = await table.deliver("http", anAttempt(aFetch("http://127.0.0.1:9/")));
  assert.equal(outcome?.kind, "rejected");
});

Deno.test.each([
  { why: "a trusted certificate", trusted: true, host: "localhost", gives: "delivered" },
  { why: "a stranger's certificate", trusted: false, host: "localhost", gives: "deferred" },
  { why: "a certificate for another name", trusted: true, host: "127.0.0.1", gives: "deferred" },
])("HTTPS with $why is $gives", async ({ trusted, host, gives }) => {
  await using identity = await makeIdentity();
  const server = Deno.serve({
    hostname: "127.0.0.1",
    port: 0,
    key: identity.key,
    cert: identity.ca,
    onListen() {},
  }, () => new Response("safe"));
  await using table = await setup({
    fetchAllow: [{ name: "localhost" }, { range: "127.0.0.1/32" }],
    ...(trusted ? { ca: identity.ca } : {}),
  });
  const payload = aFetch(`https://${host}:${server.addr.port}/`, { method: "POST" });
  const outcome = await table.deliver("http", anAttempt(payload));
  await server.shutdown();
  assert.equal(outcome?.kind, gives, JSON.stringify(outcome));
  if (outcome?.kind === "deferred") assert.equal(outcome.error.code, "tls_failed");
});
