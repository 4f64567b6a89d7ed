import assert from "node:assert/strict";
import type { FetchPayload } from "../../../src/task/payloads.ts";
import { aContext, aFetch, anAttempt } from "../support/attempts.ts";
import { openTestHttp } from "../support/http_channel.ts";
import { serveHttp } from "../support/http_servers.ts";

const expectations: {
  expect: NonNullable<FetchPayload["expect"]>;
  status?: number;
  get: string;
  post?: string;
}[] = [
  { expect: { status: [200] }, get: "delivered" },
  { expect: { status: [404] }, status: 404, get: "delivered" },
  { expect: { status: [503] }, status: 503, get: "delivered" },
  { expect: { status: [200] }, status: 404, get: "rejected http_404" },
  { expect: { status: [200] }, status: 500, get: "deferred http_500" },
  {
    expect: { status: [201, 202] },
    get: "deferred expectation_failed",
    post: "rejected expectation_failed",
  },
  { expect: { headers: { "content-type": "application/json" } }, get: "delivered" },
  { expect: { headers: { "x-list": "b" } }, get: "delivered" },
  {
    expect: { headers: { "x-list": "d" } },
    get: "deferred expectation_failed",
    post: "rejected expectation_failed",
  },
  {
    expect: { headers: { "x-none": "" } },
    get: "deferred expectation_failed",
    post: "rejected expectation_failed",
  },
  {
    expect: { headers: { constructor: "x" } },
    get: "deferred expectation_failed",
    post: "rejected expectation_failed",
  },
  { expect: { json: { "/state": "ready", "/list": [1, { a: 2 }] } }, get: "delivered" },
  {
    expect: { json: { "/state": "pending" } },
    get: "deferred expectation_failed",
    post: "rejected expectation_failed",
  },
  {
    expect: { json: { "/none": null } },
    get: "deferred expectation_failed",
    post: "rejected expectation_failed",
  },
  { expect: { withinMs: 60_000 }, get: "delivered" },
  {
    expect: { withinMs: 0 },
    get: "deferred expectation_failed",
    post: "rejected expectation_failed",
  },
];

Deno.test.each(expectations)(
  "With $expect and status $status, a GET is $get",
  async ({ expect, status = 200, get, post = get }) => {
    await using server = serveHttp(() =>
      Response.json({ state: "ready", list: [1, { a: 2 }] }, {
        status,
        headers: { "x-list": "a, b , c", "content-type": "application/json; charset=utf-8" },
      })
    );
    await using channel = openTestHttp();
    for (const [method, wanted] of [["GET", get], ["POST", post]] as const) {
      const attempt = anAttempt(aFetch(server.url, { method, expect }));
      const outcome = await channel.deliver(attempt, aContext());
      const brief = outcome.kind === "delivered"
        ? "delivered"
        : `${outcome.kind} ${outcome.error.code}`;
      assert.equal(brief, wanted, method);
      assert.equal((outcome.result as { status: number }).status, status);
    }
  },
);

Deno.test.each([
  { got: "12345678901234567891", wanted: "12345678901234567891", kind: "delivered" },
  { got: "12345678901234567890", wanted: "12345678901234567891", kind: "deferred" },
  { got: "1e400", wanted: "1e400", kind: "delivered" },
])("Expecting the number $wanted and getting $got is $kind", async ({ got, wanted, kind }) => {
  await using server = serveHttp(() => new Response(`{"id":${got}}`));
  await using channel = openTestHttp();
  const payload = aFetch(server.url, { expect: { json: { "/id": wanted } } });
  assert.equal((await channel.deliver(anAttempt(payload), aContext())).kind, kind);
});

Deno.test("The detail of a failed expectation is short for any body", async () => {
  await using server = serveHttp(() => Response.json({ a: "x".repeat(100_000) }));
  await using channel = openTestHttp();
  const attempt = anAttempt(aFetch(server.url, { expect: { json: { "/a": "y" } } }));
  const outcome = await channel.deliver(attempt, aContext());
  assert.ok(outcome.kind === "deferred");
  assert.match(outcome.error.detail, /^Expected \/a to be "y", got "xxx/);
  assert.ok(outcome.error.detail.length < 200);
});

Deno.test("the error of an unmet expectation shows no secret of the request, even in part", async () => {
  const secret = `canary-${"7d1f".repeat(40)}`;
  await using upstream = await serveHttp(() => Response.json({ said: `You sent ${secret}` }));
  await using http = openTestHttp();
  const outcome = await http.deliver(
    anAttempt(aFetch(upstream.url, {
      headers: { authorization: `Bearer ${secret}` },
      expect: { json: { "/said": "nothing" } },
    })),
    aContext(),
  );
  assert.ok(outcome.kind === "deferred");
  assert.equal(outcome.error.detail, 'Expected /said to be "nothing", got "You sent ***"');
});
