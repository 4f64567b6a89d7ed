import assert from "node:assert/strict";
import {
  fetchSchema,
  laneOf,
  type ParsedFetch,
  parseFetch,
} from "../../../src/task/input/fetch.ts";
import type { Issue } from "../../../src/task/issues.ts";

/** Any address will do: the guard has tests of its own. */
const allowAll = () => undefined;

const URL_TEXT = "https://example.org/";

function requestsOf(body: unknown): readonly ParsedFetch[] {
  const parsed = parseFetch(body, { refuseUrl: allowAll });
  assert.deepEqual(parsed.issues ?? [], []);
  return "value" in parsed ? parsed.value.requests : [];
}

function payloadOf(body: unknown) {
  return requestsOf(body)[0]?.payload;
}

function faultsIn(body: unknown): readonly Issue[] {
  return parseFetch(body, { refuseUrl: allowAll }).issues ?? [];
}

Deno.test("a URL alone is a GET that follows five redirects", () => {
  assert.deepEqual(payloadOf({ url: "HTTPS://Example.org" }), {
    url: URL_TEXT,
    method: "GET",
    headers: {},
    redirects: 5,
    maxBytes: 104_857_600,
  });
});

Deno.test.each([
  { body: { body: "a" }, becomes: { method: "POST", body: "a", redirects: 0 } },
  { body: { method: "put", body: "" }, becomes: { method: "PUT", body: "" } },
  { body: { json: null }, becomes: { method: "POST", body: "null" } },
  { body: { bodyBase64: "AAE=" }, becomes: { method: "POST", bodyBase64: "AAE=", headers: {} } },
  { body: { json: [1] }, becomes: { headers: { "content-type": "application/json" } } },
  { body: { body: "a" }, becomes: { headers: { "content-type": "text/plain;charset=UTF-8" } } },
  {
    body: { json: 1, headers: { "Content-Type": "application/ld+json" } },
    becomes: { headers: { "content-type": "application/ld+json" } },
  },
  { body: { method: "HEAD" }, becomes: { method: "HEAD", redirects: 5 } },
  { body: { method: "delete" }, becomes: { method: "DELETE", redirects: 0 } },
  { body: { redirects: 10, maxBytes: 1 }, becomes: { redirects: 10, maxBytes: 1 } },
  { body: { headers: { "X-A": " b " } }, becomes: { headers: { "x-a": "b" } } },
])("$body becomes $becomes", ({ body, becomes }) => {
  const payload = payloadOf({ url: URL_TEXT, ...body });
  assert.deepEqual({ ...payload, ...becomes }, payload);
});

Deno.test.each([
  { url: "example.org", says: /absolute/ },
  { url: "", says: /absolute/ },
  { url: "http://", says: /absolute/ },
  { url: `http://example.org/${"a".repeat(2_030)}`, says: /2048 bytes/ },
  { url: `http://example.org/${"é".repeat(400)}`, says: /2048 bytes/ },
])("$url is no URL", ({ url, says }) => {
  const [issue, ...others] = faultsIn({ url });
  assert.deepEqual({ pointer: issue?.pointer, code: issue?.code, others }, {
    pointer: "/url",
    code: undefined,
    others: [],
  });
  assert.match(issue?.detail ?? "", says);
});

Deno.test.each([
  { url: "file:///etc/passwd" },
  { url: "ftp://example.org/" },
  { url: "data:text/plain,a" },
  { url: "http://user:secret@example.org/" },
  { url: "http://good.example@127.0.0.1/" },
  { url: "http://127.0.0.1\\@example.org/" },
  { url: "http://example.org/a b" },
  { url: "http://exa\tmple.org/" },
  { url: " http://example.org/" },
  { url: "http://example.org/\u0000" },
])("$url is refused as an address", ({ url }) => {
  assert.deepEqual(faultsIn({ url }).map(({ pointer, code }) => ({ pointer, code })), [
    { pointer: "/url", code: "address_refused" },
  ]);
});

Deno.test.each([
  { body: [], pointers: [""] },
  { body: null, pointers: [""] },
  { body: "text", pointers: [""] },
  { body: {}, pointers: ["/url"] },
  { body: { url: 7 }, pointers: ["/url"] },
  { body: { url: URL_TEXT, dryRun: true }, pointers: ["/dryRun"] },
  { body: { url: URL_TEXT, "a/b~c": 1 }, pointers: ["/a~1b~0c"] },
  {
    body: JSON.parse(`{"url":"${URL_TEXT}","__proto__":{"method":"PUT"}}`),
    pointers: ["/__proto__"],
  },
  { body: { url: URL_TEXT, method: "CONNECT" }, pointers: ["/method"] },
  { body: { url: URL_TEXT, method: "trace" }, pointers: ["/method"] },
  { body: { url: URL_TEXT, method: "TRACK" }, pointers: ["/method"] },
  { body: { url: URL_TEXT, method: "GET /evil HTTP/1.1\r\n" }, pointers: ["/method"] },
  { body: { url: URL_TEXT, method: "" }, pointers: ["/method"] },
  { body: { url: URL_TEXT, method: "HEAD", body: "a" }, pointers: ["/body"] },
  { body: { url: URL_TEXT, method: "POST", ifChanged: true }, pointers: ["/ifChanged"] },
  { body: { url: URL_TEXT, ifChanged: false }, pointers: ["/ifChanged"] },
  { body: { url: URL_TEXT, method: "HEAD", json: {} }, pointers: ["/json"] },
  { body: { url: URL_TEXT, body: "a", json: 1 }, pointers: ["/json"] },
  { body: { url: URL_TEXT, bodyBase64: "AA" }, pointers: ["/bodyBase64"] },
  { body: { url: URL_TEXT, bodyBase64: "A A=" }, pointers: ["/bodyBase64"] },
  { body: { url: URL_TEXT, redirects: 11 }, pointers: ["/redirects"] },
  { body: { url: URL_TEXT, redirects: 1.5 }, pointers: ["/redirects"] },
  { body: { url: URL_TEXT, maxBytes: 0 }, pointers: ["/maxBytes"] },
  { body: { url: URL_TEXT, headers: ["a"] }, pointers: ["/headers"] },
  { body: { url: URL_TEXT, headers: { a: 1 } }, pointers: ["/headers/a"] },
  { body: { url: URL_TEXT, priority: 10 }, pointers: ["/priority"] },
  { body: { url: URL_TEXT, priority: "1" }, pointers: ["/priority"] },
  { body: { url: URL_TEXT, retry: -1 }, pointers: ["/retry"] },
  { body: { url: URL_TEXT, retry: 101 }, pointers: ["/retry"] },
  { body: { url: URL_TEXT, tags: Array(21).fill("a") }, pointers: ["/tags"] },
  { body: { url: URL_TEXT, onUnknown: "maybe" }, pointers: ["/onUnknown"] },
  { body: { url: URL_TEXT, retain: "all" }, pointers: ["/retain"] },
  {
    body: { url: "x", method: "TRACE", timeout: "1ms" },
    pointers: ["/url", "/method", "/timeout"],
  },
])("$body is refused at $pointers", ({ body, pointers }) => {
  assert.deepEqual(faultsIn(body).map((issue) => issue.pointer), pointers);
});

Deno.test.each([
  { name: "Host", value: "a" },
  { name: "content-length", value: "1" },
  { name: "Connection", value: "close" },
  { name: "Transfer-Encoding", value: "chunked" },
  { name: "TE", value: "trailers" },
  { name: "trailer", value: "a" },
  { name: "Upgrade", value: "h2c" },
  { name: "Expect", value: "100-continue" },
  { name: "Proxy-Authorization", value: "a" },
  { name: "a b", value: "a" },
  { name: "a:", value: "a" },
  { name: "", value: "a" },
  { name: "x-a", value: "b\r\nHost: evil" },
  { name: "x-a", value: "b\nc" },
  { name: "x-a", value: "b\u0000" },
  { name: "x-a", value: "\u20ac" },
])("the header $name: $value is refused", ({ name, value }) => {
  const [issue] = faultsIn({ url: URL_TEXT, headers: { [name]: value } });
  assert.equal(issue?.pointer, `/headers/${name}`);
});

Deno.test("headers are refused when one comes twice, in another case", () => {
  const issues = faultsIn({ url: URL_TEXT, headers: { "X-A": "1", "x-a": "2" } });
  assert.deepEqual(issues.map(({ pointer }) => pointer), ["/headers/x-a"]);
});

Deno.test("headers are refused beyond 16 KiB in all", () => {
  const issues = faultsIn({ url: URL_TEXT, headers: { a: "b".repeat(16_384) } });
  assert.match(issues[0]?.detail ?? "", /16384 bytes/);
});

Deno.test("requests take fields next to the list as defaults, and can override them", () => {
  const requests = requestsOf({
    requests: [{ url: "http://a.example/" }, { url: "http://b.example/", body: "b", delay: "1s" }],
    method: "PATCH",
    json: { a: 1 },
    runAt: "2026-01-01T00:00:00Z",
    priority: 0,
  });
  assert.deepEqual(
    requests.map(({ payload, options }) => [
      payload.method,
      payload.body,
      options.priority,
      options.delayMs,
      options.runAt,
    ]),
    [
      ["PATCH", '{"a":1}', 0, undefined, Date.UTC(2026, 0, 1)],
      ["PATCH", "b", 0, 1_000, undefined],
    ],
  );
});

Deno.test("urls are requests without anything else", () => {
  const requests = requestsOf({ urls: ["http://a.example/", "http://b.example/"], timeout: "1s" });
  assert.deepEqual(requests.map(({ payload, options }) => [payload.url, options.timeoutMs]), [
    ["http://a.example/", 1_000],
    ["http://b.example/", 1_000],
  ]);
});

Deno.test.each([
  { body: { requests: [{ url: URL_TEXT }] } },
  { body: { urls: [URL_TEXT] } },
])("a list with one entry is a batch: $body", ({ body }) => {
  const parsed = parseFetch(body, { refuseUrl: allowAll });
  assert.ok("value" in parsed && parsed.value.isBatch);
});

Deno.test.each([
  { body: { requests: [] }, pointers: ["/requests"] },
  { body: { requests: {} }, pointers: ["/requests"] },
  { body: { requests: [URL_TEXT] }, pointers: ["/requests/0"] },
  { body: { requests: [null] }, pointers: ["/requests/0"] },
  { body: { requests: [{}] }, pointers: ["/requests/0/url"] },
  { body: { requests: [{ url: URL_TEXT, x: 1 }] }, pointers: ["/requests/0/x"] },
  { body: { requests: [{ url: URL_TEXT }, { url: "x" }] }, pointers: ["/requests/1/url"] },
  { body: { requests: [{ url: URL_TEXT }, { url: URL_TEXT }], x: 1 }, pointers: ["/x"] },
  { body: { requests: [{ url: URL_TEXT }], timeout: "1" }, pointers: ["/timeout"] },
  { body: { requests: [{ url: URL_TEXT }], concurrency: 0 }, pointers: ["/concurrency"] },
  { body: { urls: [] }, pointers: ["/urls"] },
  { body: { urls: [{ url: URL_TEXT }] }, pointers: ["/urls/0"] },
  { body: { urls: [URL_TEXT, "x"] }, pointers: ["/urls/1"] },
  { body: { urls: [URL_TEXT], url: URL_TEXT }, pointers: ["/url"] },
  { body: { urls: [URL_TEXT], requests: [] }, pointers: ["/requests"] },
])("the batch $body is refused at $pointers", ({ body, pointers }) => {
  assert.deepEqual(faultsIn(body).map((issue) => issue.pointer), pointers);
});

Deno.test("a batch holds 10,000 entries and no more", () => {
  assert.equal(requestsOf({ urls: Array(10_000).fill(URL_TEXT) }).length, 10_000);
  const [issue] = faultsIn({ urls: Array(10_001).fill(URL_TEXT) });
  assert.match(issue?.detail ?? "", /1 to 10000.*not 10001/);
});

Deno.test("a batch that is wrong throughout reports its first fifty issues", () => {
  assert.equal(faultsIn({ urls: Array(10_000).fill("x") }).length, 50);
});

Deno.test.each([
  { url: "http://example.org/a", lane: "http://example.org:80" },
  { url: "https://example.org/a", lane: "https://example.org:443" },
  { url: "https://EXAMPLE.org:8443/", lane: "https://example.org:8443" },
  { url: "https://example.org./a", lane: "https://example.org:443" },
  { url: "http://[2001:db8::1]/", lane: "http://[2001:db8::1]:80" },
])("$url goes by the lane $lane", ({ url, lane }) => assert.equal(laneOf(new URL(url)), lane));

Deno.test("the JSON Schema knows every field and no other", () => {
  const schema = fetchSchema as { properties: object; additionalProperties: boolean };
  assert.equal(schema.additionalProperties, false);
  assert.deepEqual(Object.keys(schema.properties).sort(), [
    "body",
    "bodyBase64",
    "callback",
    "delay",
    "expect",
    "expires",
    "extract",
    "headers",
    "ifChanged",
    "json",
    "key",
    "maxBytes",
    "method",
    "onFailure",
    "onSuccess",
    "onUnknown",
    "priority",
    "redirects",
    "retain",
    "retry",
    "runAt",
    "save",
    "tags",
    "timeout",
    "url",
  ]);
});

Deno.test("a node that cannot save refuses save with its reason, and nothing else", () => {
  const ports = { refuseUrl: allowAll, refuseSave: () => "This node cannot save" };
  const url = "https://example.org/";
  assert.deepEqual(parseFetch({ url, save: true }, ports).issues, [
    { pointer: "/save", detail: "This node cannot save" },
  ]);
  assert.equal(parseFetch({ url }, ports).issues, undefined);
});
