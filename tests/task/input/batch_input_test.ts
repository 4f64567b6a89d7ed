import assert from "node:assert/strict";
import type { Parsed } from "../../../src/task/issues.ts";
import { fetchSchema, parseFetch } from "../../../src/task/input/fetch.ts";
import { notifySchema, parseNotify } from "../../../src/task/input/notify.ts";
import { notifyPorts } from "../../support/notify_ports.ts";

/** Any address will do: the guard has tests of its own. */
const allowAll = () => undefined;

const pointers = (parsed: Parsed<unknown>) =>
  (parsed.issues ?? []).map(({ pointer }) => pointer).sort();

Deno.test.each([
  {
    body: { url: "https://example.org", bogus: 1, timeout: "1ms", headers: { host: "a" } },
    wrong: ["/bogus", "/headers/host", "/timeout"],
  },
  { body: { url: 5, method: 5, expires: "soon" }, wrong: ["/expires", "/method", "/url"] },
  { body: { bogus: 1, timeout: "1ms" }, wrong: ["/bogus", "/timeout", "/url"] },
  { body: { url: "https://example.org", body: 5, method: "GET" }, wrong: ["/body"] },
  {
    body: { requests: [{ url: "https://example.org", a: 1, key: "" }, { b: 1 }], retry: "x" },
    wrong: ["/requests/0/a", "/requests/0/key", "/requests/1/b", "/requests/1/url", "/retry"],
  },
  {
    body: { urls: ["https://example.org", 5, "x"], bogus: 1, delay: "x" },
    wrong: ["/bogus", "/delay", "/urls/1", "/urls/2"],
  },
])("a fetch is told all that is wrong with $body at once", ({ body, wrong }) => {
  assert.deepEqual(pointers(parseFetch(body, { refuseUrl: allowAll })), wrong);
});

Deno.test("an address that may not be called is reported together with other issues", () => {
  const refuse = ({ hostname }: URL) =>
    hostname.startsWith("10.") ? { code: "address_refused", detail: "Not public" } : undefined;
  const body = { url: "http://10.0.0.1", timeout: "1ms", bogus: 1 };
  assert.deepEqual(pointers(parseFetch(body, { refuseUrl: refuse })), [
    "/bogus",
    "/timeout",
    "/url",
  ]);
  const many = { urls: ["http://10.0.0.1", "https://example.org"], timeout: "1ms" };
  assert.deepEqual(pointers(parseFetch(many, { refuseUrl: refuse })), ["/timeout", "/urls/0"]);
  const [only, ...others] = parseFetch({ url: "http://10.0.0.1" }, { refuseUrl: refuse }).issues ??
    [];
  assert.deepEqual({ only, others }, {
    only: { pointer: "/url", detail: "Not public", code: "address_refused" },
    others: [],
  });
});

Deno.test.each([
  { body: { bogus: 1 }, wrong: ["/bogus", "/text", "/to"] },
  {
    body: { bogus: 1, to: "bad", subject: 5, priority: 10 },
    wrong: ["/bogus", "/priority", "/subject", "/to"],
  },
  { body: { cc: 5, tags: [""], text: "x" }, wrong: ["/cc", "/tags/0"] },
  { body: { to: "ada@example.org", template: "none", data: { a: 1 } }, wrong: ["/template"] },
  {
    body: { to: "ada@example.org", template: "alert", data: {}, bogus: 1 },
    wrong: ["/bogus", "/data"],
  },
])("a notification is told all that is wrong with $body at once", ({ body, wrong }) => {
  assert.deepEqual(pointers(parseNotify(body, notifyPorts())), wrong);
});

Deno.test.each(["constructor", "toString", "hasOwnProperty", "__proto__"])(
  "the field %s, which every object inherits, is unknown like any other",
  (name) => {
    const fetch = JSON.parse(`{"url": "https://example.org", "${name}": 1}`);
    assert.deepEqual(pointers(parseFetch(fetch, { refuseUrl: allowAll })), [`/${name}`]);
    const mail = JSON.parse(`{"to": "ada@example.org", "subject": "s", "${name}": 1}`);
    assert.deepEqual(pointers(parseNotify(mail, notifyPorts())), [`/${name}`]);
  },
);

const STRANGE = [null, true, -1, 1.5, 101, 1e300, "", "\u0000", "x".repeat(70_000), [], [5], {}, {
  a: 5,
}];

Deno.test.each([
  {
    path: "fetch",
    schema: fetchSchema,
    parse: (body: unknown) => parseFetch(body, { refuseUrl: allowAll }),
  },
  {
    path: "notify",
    schema: notifySchema,
    parse: (body: unknown) => parseNotify(body, notifyPorts()),
  },
])("whatever is wrong with a field of /$path, what it expects is said", ({ schema, parse }) => {
  for (const name of Object.keys((schema as { properties: object }).properties)) {
    for (const value of STRANGE) {
      for (const { detail } of parse({ [name]: value }).issues ?? []) {
        assert.doesNotMatch(detail, /^(Invalid|Too |Unrecognized)/, `${name}: ${detail}`);
      }
    }
  }
});

const MANY = Array.from({ length: 20_000 }, (_, n) => `f${n}`);

Deno.test.each([
  { name: "to", body: { to: MANY } },
  { name: "headers", body: { to: "ada@example.org", headers: Object.fromEntries(MANY.entries()) } },
  { name: "attachments", body: { to: "ada@example.org", attachments: MANY.map(() => ({})) } },
  { name: "onFailure", body: { to: "ada@example.org", onFailure: { notify: { to: MANY } } } },
  { name: "f9999", body: Object.fromEntries(MANY.map((name) => [name, 1])) },
])("a request with 20,000 values in $name is refused before each is checked", ({ name, body }) => {
  assert.deepEqual(parseNotify(body, notifyPorts()), {
    issues: [{
      pointer: `/${name}`,
      detail: "Expected at most 10000 JSON values in a request, not counting data and json",
    }],
  });
});

Deno.test("the values of data and json are not counted", () => {
  const url = "https://example.org/";
  assert.equal(
    parseFetch({ url, method: "POST", json: MANY }, { refuseUrl: allowAll }).issues,
    undefined,
  );
  const notify = { to: "ada@example.org", template: "generic", data: { rows: MANY } };
  const { issues = [] } = parseNotify(notify, notifyPorts());
  assert.deepEqual(issues.filter(({ detail }) => /values/.test(detail)), []);
});
