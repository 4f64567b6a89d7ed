import assert from "node:assert/strict";
import { followRedirect, type HttpRequest } from "../../../src/channels/http/redirect.ts";
import type { FetchPayload } from "../../../src/task/payloads.ts";
import { aContext, aFetch, anAttempt } from "../support/attempts.ts";
import { openTestHttp } from "../support/http_channel.ts";
import { hang, serveHttp, serveRaw } from "../support/http_servers.ts";

function aRequest(method: string, body?: string): HttpRequest {
  return {
    url: new URL("https://a.org/dir/page?q"),
    method,
    headers: {
      "user-agent": "Postrider/1",
      "postrider-task": "tsk_1",
      authorization: "Bearer secret",
      "x-api-key": "secret",
      cookie: "secret",
      "idempotency-key": "k",
      ...(body === undefined ? {} : { "content-type": "text/plain" }),
    },
    ...(body === undefined ? {} : { body }),
  };
}

const ways: { status: number; method: string; body?: string; to: string; gives: string }[] = [
  { status: 301, method: "GET", to: "/x", gives: "GET https://a.org/x with secrets" },
  { status: 302, method: "GET", to: "x?y#z", gives: "GET https://a.org/dir/x?y#z with secrets" },
  { status: 308, method: "HEAD", to: "//a.org/x", gives: "HEAD https://a.org/x with secrets" },
  { status: 301, method: "POST", body: "b", to: "/x", gives: "GET https://a.org/x with secrets" },
  { status: 302, method: "POST", body: "b", to: "/x", gives: "GET https://a.org/x with secrets" },
  { status: 303, method: "POST", body: "b", to: "/x", gives: "GET https://a.org/x with secrets" },
  { status: 303, method: "PUT", body: "b", to: "/x", gives: "GET https://a.org/x with secrets" },
  { status: 303, method: "HEAD", to: "/x", gives: "HEAD https://a.org/x with secrets" },
  {
    status: 302,
    method: "PUT",
    body: "b",
    to: "/x",
    gives: "PUT https://a.org/x + b with secrets",
  },
  {
    status: 307,
    method: "POST",
    body: "b",
    to: "/x",
    gives: "POST https://a.org/x + b with secrets",
  },
  {
    status: 308,
    method: "POST",
    body: "b",
    to: "/x",
    gives: "POST https://a.org/x + b with secrets",
  },
  { status: 302, method: "GET", to: "https://b.org/", gives: "GET https://b.org/" },
  { status: 302, method: "GET", to: "https://a.org:8443/", gives: "GET https://a.org:8443/" },
  { status: 303, method: "POST", body: "b", to: "https://b.org/", gives: "GET https://b.org/" },
  { status: 307, method: "DELETE", to: "https://b.org/", gives: "DELETE https://b.org/" },
  { status: 307, method: "POST", body: "b", to: "https://b.org/", gives: "redirect_refused" },
  { status: 308, method: "POST", body: "b", to: "https://a.org:8443/", gives: "redirect_refused" },
  { status: 302, method: "PUT", body: "b", to: "https://b.org/", gives: "redirect_refused" },
  { status: 302, method: "GET", to: "http://a.org/", gives: "redirect_refused" },
  { status: 302, method: "GET", to: "https://", gives: "redirect_refused" },
];

Deno.test.each(ways)("$status after $method to $to gives $gives", (row) => {
  const next = followRedirect(aRequest(row.method, row.body), row.status, row.to);
  if ("code" in next) return assert.equal(next.code, row.gives);
  const body = next.body === undefined ? "" : ` + ${next.body}`;
  const secrets = "authorization" in next.headers ? " with secrets" : "";
  assert.equal(`${next.method} ${next.url.href}${body}${secrets}`, row.gives);
  assert.equal("content-type" in next.headers, next.body !== undefined);
  assert.equal("x-api-key" in next.headers && "cookie" in next.headers, secrets !== "");
  assert.equal(next.headers["user-agent"], "Postrider/1");
});

Deno.test("Headers dropped by a redirect stay dropped when a later redirect returns", () => {
  const away = followRedirect(aRequest("GET"), 302, "https://b.org/") as HttpRequest;
  const home = followRedirect(away, 302, "https://a.org/") as HttpRequest;
  assert.equal(home.headers.authorization, undefined);
});

// deno-lint-ignore no-explicit-any -- results are JSON of many shapes
type Any = any;

async function fetched(url: string, more: Partial<FetchPayload> = {}): Promise<Any> {
  await using channel = openTestHttp();
  return await channel.deliver(anAttempt(aFetch(url, more)), aContext());
}

/** `/3` leads to `/2`, and so on to `/0`, which answers. */
function serveSteps() {
  return serveHttp(({ url, method }) => {
    const step = Number(new URL(url).pathname.slice(1));
    return step === 0
      ? new Response(`done by ${method}`)
      : new Response("moved", { status: 302, headers: { location: `/${step - 1}` } });
  });
}

Deno.test("Redirects are followed and listed as hops", async () => {
  await using server = serveSteps();
  const { kind, result } = await fetched(`${server.url}/3`);
  assert.equal(kind, "delivered");
  assert.equal(result.url, `${server.url}/0`);
  assert.equal(result.body, "done by GET");
  assert.deepEqual(result.hops, [3, 2, 1].map((n) => ({ status: 302, url: `${server.url}/${n}` })));
});

Deno.test("A Location that is sent twice is one redirect", async () => {
  const moved = "HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: /b\r\nLocation: /b\r\n\r\n";
  await using server = serveRaw(async (conn, head) => {
    const answer = head.startsWith("GET /b ")
      ? "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nb"
      : moved;
    await conn.write(new TextEncoder().encode(answer));
  });
  const { result } = await fetched(server.url);
  assert.equal(result.url, `${server.url}/b`);
});

Deno.test("A redirect is followed although its body stalls", async () => {
  await using server = serveRaw(async (conn, head) => {
    const isFirst = head.startsWith("POST / ");
    const answer = isFirst
      ? "HTTP/1.1 303 See Other\r\nLocation: /b\r\nContent-Length: 9\r\n\r\nmo"
      : "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nb";
    await conn.write(new TextEncoder().encode(answer));
    if (isFirst) await hang(conn);
  });
  await using channel = openTestHttp({ waits: { connect: 900, idle: 600_000 } });
  const context = aContext();
  const timer = setTimeout(() => context.abort("timeout"), 20_000);
  const attempt = anAttempt(aFetch(server.url, { method: "POST" }));
  const { result }: Any = await channel.deliver(attempt, context);
  clearTimeout(timer);
  assert.equal(result.url, `${server.url}/b`);
});

Deno.test("One redirect too many is rejected", async () => {
  await using server = serveSteps();
  assert.equal((await fetched(`${server.url}/5`, { redirects: 5 })).kind, "delivered");
  const outcome = await fetched(`${server.url}/6`, { redirects: 5 });
  assert.equal(outcome.kind, "rejected");
  assert.equal(outcome.error.code, "too_many_redirects");
  assert.equal(outcome.evidence.hops.length, 5);
});

Deno.test("With redirects set to 0, a 3xx is the result", async () => {
  await using server = serveSteps();
  const { kind, result } = await fetched(`${server.url}/1`, { redirects: 0 });
  assert.equal(kind, "delivered");
  assert.equal(result.status, 302);
  assert.equal(result.headers.location, "/0");
  assert.equal(result.body, "moved");
});

const inside = [
  "http://10.0.0.1/",
  "http://127.0.0.2/",
  "http://[::1]/",
  "http://metadata.google.internal/",
];

Deno.test("A redirect whose status is expected is the result", async () => {
  await using server = serveSteps();
  const { kind, result } = await fetched(`${server.url}/2`, { expect: { status: [302] } });
  assert.equal(kind, "delivered");
  assert.deepEqual([result.status, result.hops], [302, []]);
});

Deno.test.each(inside.map((to) => ({ to })))(
  "A redirect to $to is refused by the guard",
  async ({ to }) => {
    await using server = serveHttp(() =>
      new Response(null, { status: 302, headers: { location: to } })
    );
    const outcome = await fetched(server.url);
    assert.equal(outcome.kind, "rejected");
    assert.equal(outcome.error.code, "address_refused");
  },
);

Deno.test("The endless body of a redirect is not read to its end", async () => {
  await using server = serveHttp(({ url }) => {
    if (url.endsWith("/end")) return new Response("here");
    const endless = new ReadableStream({
      pull: (controller) => controller.enqueue(new Uint8Array(16_384)),
    });
    return new Response(endless, { status: 302, headers: { location: "/end" } });
  });
  const { kind, result } = await fetched(server.url);
  assert.equal(kind, "delivered");
  assert.equal(result.body, "here");
});

Deno.test("A redirect with an incomplete body is followed", async () => {
  await using target = serveHttp(() => new Response("here"));
  await using server = serveRaw(
    `HTTP/1.1 302 Found\r\nLocation: ${target.url}/\r\nContent-Length: 99\r\n\r\nabc`,
  );
  const { kind, result } = await fetched(server.url);
  assert.equal(kind, "delivered");
  assert.equal(result.body, "here");
});

Deno.test("A POST aborted after its redirect is unknown", async () => {
  const arrived = Promise.withResolvers<void>();
  const never = Promise.withResolvers<Response>();
  await using server = serveHttp(({ method }) => {
    if (method === "POST") {
      return new Response(null, { status: 303, headers: { location: "/see" } });
    }
    arrived.resolve();
    return never.promise;
  });
  await using channel = openTestHttp();
  const context = aContext();
  const payload = aFetch(server.url, { method: "POST", redirects: 1 });
  const delivering = channel.deliver(anAttempt(payload), context);
  await arrived.promise;
  context.abort("timeout");
  assert.equal((await delivering).kind, "unknown");
  never.resolve(new Response());
});

Deno.test("A fault after a redirect names the host where it happened", async () => {
  const gone = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const away = `127.0.0.1:${gone.addr.port}`;
  gone.close();
  await using server = serveHttp(() =>
    new Response(null, { status: 302, headers: { location: `http://${away}/` } })
  );
  const outcome = await fetched(server.url);
  assert.equal(outcome.kind, "deferred");
  assert.equal(outcome.otherLane, `http://${away}`);
  assert.deepEqual(outcome.error, {
    code: "connection_refused",
    detail: `The server refused the connection (${away}, after a redirect)`,
  });
});

Deno.test("A Retry-After of another host does not hold the lane of the first host", async () => {
  await using other = serveHttp(() =>
    new Response(null, { status: 429, headers: { "retry-after": "5" } })
  );
  await using server = serveHttp(() =>
    new Response(null, { status: 302, headers: { location: other.url } })
  );
  const outcome = await fetched(server.url);
  assert.equal(outcome.retryAfterMs, 5_000);
  assert.equal(outcome.hold, undefined);
});
