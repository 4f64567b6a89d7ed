import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import type { FetchPayload } from "../../../src/task/payloads.ts";
import { needs } from "../../support/needs.ts";
import { aFolder } from "../../support/process.ts";
import { aContext, aFetch, anAttempt } from "../support/attempts.ts";
import { openTestHttp } from "../support/http_channel.ts";
import { makeIdentity } from "../support/tls_relay.ts";

// deno-lint-ignore no-explicit-any -- results are JSON of many shapes
type Any = any;

const CONTENT = crypto.getRandomValues(new Uint8Array(60_000));
const MIB = 2 ** 20;

/** A server that speaks HTTP/2, and a channel that trusts it. */
async function world(
  handler: (request: Request) => Response | Promise<Response>,
  downloads?: string,
) {
  const identity = await makeIdentity();
  const { key, ca } = identity;
  const ports = new Set<number>();
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, key, cert: ca, onListen() {}, onError: () => new Response() },
    (request, { remoteAddr }) => {
      ports.add(remoteAddr.port);
      return handler(request);
    },
  );
  const channel = openTestHttp({
    // A busy machine pauses for longer than the usual bound.
    waits: { connect: 10_000, idle: 10_000 },
    ca,
    addresses: ["127.0.0.1"],
    allow: "localhost,127.0.0.1",
    ...(downloads === undefined ? {} : { downloads }),
  });
  return {
    ports,
    async fetch(
      path: string,
      more: Partial<FetchPayload> = {},
      context = aContext(),
    ): Promise<Any> {
      const url = `https://localhost:${server.addr.port}${path}`;
      return await channel.deliver(
        anAttempt(aFetch(url, { maxBytes: 64 * MIB, ...more })),
        context,
      );
    },
    async [Symbol.asyncDispose]() {
      await channel.close?.();
      await server.shutdown();
      await identity[Symbol.asyncDispose]();
    },
  };
}

Deno.test(
  "an HTTP/2 upstream gets many concurrent requests on few connections",
  needs("openssl"),
  async () => {
    await using h2 = await world(async (request) => {
      const { method, url } = request;
      return Response.json({
        method,
        url,
        body: await request.text(),
        host: request.headers.get("host"),
      });
    });
    const outcomes = await Promise.all(
      Array.from(
        { length: 50 },
        (_, n) => h2.fetch(`/${n}`, n % 2 ? { method: "POST", body: `${n}` } : {}),
      ),
    );
    for (const [n, { kind, result, error }] of outcomes.entries()) {
      assert.equal(kind, "delivered", error?.detail);
      const seen = JSON.parse(result.body);
      assert.equal(seen.method, n % 2 ? "POST" : "GET");
      assert.equal(seen.body, n % 2 ? `${n}` : "");
      assert.ok(seen.url.endsWith(`/${n}`));
    }
    const again = await h2.fetch("/again");
    assert.equal(again.kind, "delivered");
    assert.equal(again.result.timings.tls, undefined, "the connection stood already");
    assert.ok(outcomes[0].result.timings.tls > 0);
  },
);

Deno.test(
  "a body over HTTP/2 is measured, bounded and saved like any other",
  needs("openssl"),
  async () => {
    await using folder = await aFolder();
    const big = new Uint8Array(8 * MIB).fill(7);
    await using h2 = await world(() => new Response(big), folder.path);
    const saved = await h2.fetch("/big.bin", { save: true });
    assert.equal(saved.kind, "delivered", saved.error?.detail);
    assert.equal(saved.result.bytes, big.length);
    assert.equal(saved.result.sha256, createHash("sha256").update(big).digest("hex"));
    assert.equal((await h2.fetch("/big.bin", { maxBytes: MIB })).error.code, "too_large");
    assert.equal((await h2.fetch("/big.bin")).kind, "delivered");
  },
);

Deno.test(
  "concurrent bodies on one connection are not mixed up",
  needs("openssl"),
  async () => {
    await using folder = await aFolder();
    const bodies = Array.from({ length: 8 }, (_, n) => {
      return new Uint8Array(3 * MIB).map((_, at) => ((at >> 4) * (n + 3)) % 251);
    });
    await using h2 = await world(({ url }) => {
      const n = Number(new URL(url).pathname.slice(1));
      const body = bodies[n] ?? new Uint8Array();
      return n % 2
        ? new Response(new Uint8Array(gzipSync(body)), { headers: { "content-encoding": "gzip" } })
        : new Response(body);
    }, folder.path);
    const outcomes = await Promise.all(
      bodies.map((_, n) => h2.fetch(`/${n}`, n === 0 ? { save: true } : {})),
    );
    for (const [n, body] of bodies.entries()) {
      assert.equal(outcomes[n].kind, "delivered", outcomes[n].error?.detail);
      const digest = createHash("sha256").update(body).digest("hex");
      assert.equal(outcomes[n].result.sha256, digest, `/${n}`);
    }
  },
);

Deno.test(
  "an aborted attempt over HTTP/2 ends and the connection stays usable",
  needs("openssl"),
  async () => {
    const arrived = Promise.withResolvers<void>();
    const released = Promise.withResolvers<void>();
    await using h2 = await world(async ({ url }) => {
      if (url.endsWith("/hold")) {
        arrived.resolve();
        await released.promise;
      }
      return new Response(CONTENT);
    });
    const context = aContext();
    const holding = h2.fetch("/hold", { method: "POST" }, context);
    await arrived.promise;
    context.abort("cancelled");
    const outcome = await holding;
    assert.equal(`${outcome.kind} ${outcome.error.code}`, "unknown cancelled");
    assert.equal((await h2.fetch("/")).kind, "delivered");
    released.resolve();
  },
);

Deno.test("an incomplete body over HTTP/2 is a lost connection", needs("openssl"), async () => {
  await using h2 = await world(() =>
    new Response(
      new ReadableStream({
        pull(controller) {
          controller.enqueue(CONTENT);
          controller.error(new Error("broken off"));
        },
      }),
    )
  );
  const outcome = await h2.fetch("/");
  assert.equal(outcome.kind, "deferred");
  assert.equal(outcome.error.code, "connection_reset");
});
