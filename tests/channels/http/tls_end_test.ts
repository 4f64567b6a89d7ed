import assert from "node:assert/strict";
import { needs } from "../../support/needs.ts";
import { aContext, aFetch, anAttempt } from "../support/attempts.ts";
import { openTestHttp } from "../support/http_channel.ts";
import { makeIdentity } from "../support/tls_relay.ts";

/**
 * A TLS server that writes `response` and, with `closes`, the closing message of TLS, behind a
 * wire that ends the connection once the response has passed.
 */
async function startServer(response: string, closes: boolean) {
  const identity = await makeIdentity();
  const { key, ca } = identity;
  const inner = Deno.listenTls({ hostname: "127.0.0.1", port: 0, key, cert: ca });
  const wire = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const open: Deno.Conn[] = [];
  let passed = 0;
  let passedBefore = 0;
  const over = Promise.withResolvers<void>();
  const serving = (async () => {
    const conn = await inner.accept();
    open.push(conn);
    await conn.read(new Uint8Array(4_096));
    passedBefore = passed;
    await conn.write(new TextEncoder().encode(response));
    if (closes) await conn.closeWrite();
  })();
  const carrying = (async () => {
    const client = await wire.accept();
    const server = await Deno.connect({ hostname: "127.0.0.1", port: inner.addr.port });
    open.push(client, server);
    const back = copy(server, client, (bytes) => {
      passed += bytes;
      // Session tickets are shorter than the response.
      if (!closes && passedBefore > 0 && passed - passedBefore > response.length) over.resolve();
    });
    // Behind the closing message.
    back.then(over.resolve);
    await copy(client, server);
    await back;
  })();
  return {
    ca,
    port: wire.addr.port,
    /** Ends the connection towards the client once the response has passed. */
    async cut() {
      await over.promise;
      open.forEach((one) => one.close());
      await Promise.allSettled([serving, carrying]);
      inner.close();
      wire.close();
      await identity[Symbol.asyncDispose]();
    },
  };
}

async function copy(
  from: Deno.Conn,
  to: Deno.Conn,
  onPassed: (bytes: number) => void = () => {},
): Promise<void> {
  const buffer = new Uint8Array(65_536);
  try {
    for (let read = await from.read(buffer); read !== null; read = await from.read(buffer)) {
      for (let at = 0; at < read;) at += await to.write(buffer.subarray(at, read));
      onPassed(read);
    }
  } catch {
    // The test has closed it.
  }
}

const HEAD = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: text/plain\r\n";
const BODY = "x".repeat(1_000);

Deno.test.each([
  { why: "with the closing message", head: "", closes: true, kind: "delivered" },
  { why: "without it", head: "", closes: false, kind: "deferred" },
  {
    why: "without it, but with a length",
    head: `Content-Length: ${BODY.length}\r\n`,
    closes: false,
    kind: "delivered",
  },
])("a body over TLS that ends $why is $kind", needs("openssl"), async ({ head, closes, kind }) => {
  const server = await startServer(`${HEAD}${head}\r\n${BODY}`, closes);
  await using channel = openTestHttp({
    ca: server.ca,
    addresses: ["127.0.0.1"],
    allow: "localhost,127.0.0.1",
    waits: { connect: 2_000, idle: 10_000 },
  });
  const payload = aFetch(`https://localhost:${server.port}/`);
  const delivering = channel.deliver(anAttempt(payload), aContext());
  await server.cut();
  const outcome = await delivering;
  assert.equal(outcome.kind, kind, JSON.stringify(outcome));
});
