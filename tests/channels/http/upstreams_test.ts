import assert from "node:assert/strict";
import { setImmediate } from "node:timers";
import type { FetchPayload } from "../../../src/task/payloads.ts";
import { needs } from "../../support/needs.ts";
import { aContext, aFetch, anAttempt } from "../support/attempts.ts";
import { startHttp2Servers } from "../support/h2_servers.ts";
import { openTestHttp } from "../support/http_channel.ts";

// deno-lint-ignore no-explicit-any -- results are JSON of many shapes
type Any = any;

async function world() {
  const servers = await startHttp2Servers();
  const channel = openTestHttp({
    ca: servers.identity.ca,
    addresses: ["127.0.0.1"],
    allow: "localhost",
    waits: { connect: 5_000, idle: 5_000 },
  });
  return {
    async fetch(
      server: string,
      more: Partial<FetchPayload> = {},
      context = aContext(),
      host = "localhost",
    ): Promise<Any> {
      const port = servers.good[server] ?? servers.odd[server] ?? servers.bad[server];
      const payload = aFetch(`https://${host}:${port}/a?b=c`, { maxBytes: 2 ** 23, ...more });
      return await channel.deliver(anAttempt(payload), context);
    },
    async delivered(server: string, more: Partial<FetchPayload> = {}): Promise<Any> {
      const outcome = await this.fetch(server, more);
      assert.equal(outcome.kind, "delivered", JSON.stringify(outcome));
      return outcome;
    },
    async [Symbol.asyncDispose]() {
      await channel[Symbol.asyncDispose]();
      await servers[Symbol.asyncDispose]();
    },
  };
}

Deno.test(
  "an HTTP/2 server gets a burst of requests on one connection",
  needs("openssl", "node"),
  async () => {
    await using upstream = await world();
    const body = "x".repeat(12_000);
    const headers = { "x-mine": "yes", "X-Twice": "kept" };
    const outcomes = await Promise.all(
      Array.from(
        { length: 40 },
        (_, n) =>
          upstream.delivered("speaks HTTP/2", n % 2 ? { method: "PUT", body, headers } : {}),
      ),
    );
    for (const [n, { result, evidence }] of outcomes.entries()) {
      const seen = JSON.parse(result.body);
      assert.equal(`${seen.httpVersion} ${seen.connections}`, "2.0 1");
      assert.equal(`${seen.method} ${seen.url}`, n % 2 ? "PUT /a?b=c" : "GET /a?b=c");
      assert.equal(seen.body, n % 2 ? body : "");
      assert.equal(seen.headers["x-mine"], n % 2 ? "yes" : undefined);
      assert.equal(seen.headers["x-twice"], n % 2 ? "kept" : undefined);
      assert.equal(seen.headers["content-length"], n % 2 ? "12000" : undefined);
      assert.equal(result.headers["set-cookie"], "a=1, b=2");
      assert.match(JSON.stringify(evidence), /127\.0\.0\.1:\d+/);
    }
    assert.ok(outcomes[0].result.timings.tls > 0, "the first opened the connection");
    const again = await upstream.delivered("speaks HTTP/2");
    assert.equal(again.result.timings.tls, undefined, "the connection stood already");
  },
);

Deno.test(
  "a server is reached by its name with the dot of the root",
  needs("openssl", "node"),
  async () => {
    await using upstream = await world();
    for (const server of ["speaks HTTP/2", "speaks HTTP/1.1 alone"]) {
      const outcome = await upstream.fetch(server, {}, aContext(), "localhost.");
      assert.equal(outcome.kind, "delivered", `${server}: ${JSON.stringify(outcome)}`);
    }
  },
);

Deno.test(
  "bodies longer than any window are sent and received completely",
  needs("openssl", "node"),
  async () => {
    await using upstream = await world();
    const outcomes = await Promise.all(
      Array.from(
        { length: 4 },
        () => upstream.delivered("speaks HTTP/2", { method: "POST", body: "x".repeat(2 ** 20) }),
      ),
    );
    for (const { result } of outcomes) assert.ok(result.bytes > 2 ** 20);
  },
);

Deno.test(
  "an HTTP/1.1 server is used on the connection that negotiated",
  needs("openssl", "node"),
  async () => {
    await using upstream = await world();
    const first = await upstream.delivered("speaks HTTP/1.1 alone", {
      method: "POST",
      body: "hello",
    });
    const seen = JSON.parse(first.result.body);
    assert.equal(`${seen.httpVersion} ${seen.connections}`, "1.1 1");
    assert.equal(`${seen.method} ${seen.url} ${seen.body}`, "POST /a?b=c hello");
    const outcomes = await Promise.all(
      Array.from({ length: 8 }, () => upstream.delivered("speaks HTTP/1.1 alone")),
    );
    const connections = outcomes.map(({ result }) => JSON.parse(result.body).connections);
    assert.ok(Math.max(...connections) <= 9, String(connections));
  },
);

Deno.test(
  "requests that a server did not process are sent on its next connection, a POST too",
  needs("openssl", "node"),
  async () => {
    await using upstream = await world();
    const post = (server: string) => upstream.delivered(server, { method: "POST", body: "once" });
    await Promise.all(Array.from({ length: 3 }, () => post("takes one request a connection")));
    for (let n = 0; n < 4; n++) await post("refuses every other request");
  },
);

Deno.test(
  "a server that closes before a request, as in a restart, gets it on the next connection",
  needs("openssl", "node"),
  async () => {
    await using upstream = await world();
    const ask = () => upstream.delivered("goes away at once the first time", { method: "POST" });
    await Promise.all(Array.from({ length: 5 }, ask));
  },
);

Deno.test(
  "of requests lost together, one reports the fault and the others report it as shared",
  needs("openssl", "node"),
  async () => {
    await using upstream = await world();
    const outcomes = await Promise.all(
      Array.from({ length: 5 }, () => upstream.fetch("resets the connection")),
    );
    const reported = outcomes.filter(({ shared }) => !shared);
    assert.equal(reported.length, 1);
    for (const { kind, error } of outcomes) {
      assert.equal(`${kind} ${error.code}`, "deferred connection_reset");
    }
  },
);

Deno.test("requests whose connection cannot be opened all report the fault", async () => {
  const closed = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  closed.close();
  await using channel = openTestHttp({ addresses: ["127.0.0.1"], allow: "localhost" });
  const payload = aFetch(`https://localhost:${closed.addr.port}/`);
  const outcomes: Any[] = await Promise.all(
    Array.from({ length: 5 }, () => channel.deliver(anAttempt(payload), aContext())),
  );
  for (const { error, shared } of outcomes) {
    assert.equal(error.code, "connection_refused");
    assert.equal(shared, undefined);
  }
});

Deno.test(
  "a server that asks for HTTP/1.1 gets HTTP/1.1",
  needs("openssl", "node"),
  async () => {
    await using upstream = await world();
    for (let n = 0; n < 2; n++) {
      const { result } = await upstream.delivered("sends on to HTTP/1.1", { method: "POST" });
      assert.equal(JSON.parse(result.body).httpVersion, "1.1");
    }
  },
);

Deno.test(
  "a silent connection gets no more requests",
  needs("openssl", "node"),
  async () => {
    await using upstream = await world();
    const context = aContext();
    const silent = upstream.fetch("loses its first connection", { method: "POST" }, context);
    // It tells when it begins to leave.
    while (context.said.length === 0) await new Promise((resolve) => setImmediate(resolve));
    context.abort("timeout");
    assert.equal((await silent).error.code, "timeout");
    await upstream.delivered("loses its first connection");
  },
);

Deno.test(
  "a server with many requests may send many responses",
  needs("openssl", "node"),
  async () => {
    await using upstream = await world();
    let left = 12_000;
    await Promise.all(Array.from({ length: 64 }, async () => {
      while (left-- > 0) await upstream.delivered("answers well");
    }));
  },
);
