import assert from "node:assert/strict";
import { Api } from "../../support/api.ts";

const MAIL = { to: "ada@example.org", subject: "s", text: "t" };
const FETCH = { url: "https://example.org/" };
const long = (part: string) => part.repeat(20_000_000 / part.length);

/** Each is refused as what it is, although a pattern may fail on millions of repetitions, and is not repeated whole. */
const rows: { readonly path: string; readonly body: object }[] = [
  { path: "/notify", body: { ...MAIL, delay: long("1s") } },
  { path: "/notify", body: { ...MAIL, expires: long("1s") } },
  { path: "/notify", body: { ...MAIL, runAt: long("2027-01-01T00:00:00Z") } },
  { path: "/notify", body: { ...MAIL, retry: long("1s,") } },
  { path: "/notify", body: { ...MAIL, retry: long("1s*") } },
  { path: "/notify", body: { ...MAIL, timeout: long("1s") } },
  { path: "/notify", body: { ...MAIL, key: long("k") } },
  { path: "/notify", body: { ...MAIL, to: `"${long("a")}" <a@example.org>` } },
  { path: "/notify", body: { ...MAIL, to: `a@${long("a.")}org` } },
  { path: "/notify", body: { ...MAIL, to: long("a,") } },
  { path: "/notify", body: { ...MAIL, to: `json://${long("a.")}` } },
  { path: "/notify", body: { ...MAIL, subject: long("a ") } },
  { path: "/notify", body: { ...MAIL, headers: { "x-a": long("a ") } } },
  { path: "/notify", body: { ...MAIL, headers: { [long("x-")]: "a" } } },
  { path: "/notify", body: { ...MAIL, [long("name")]: 1 } },
  { path: "/notify", body: { ...MAIL, onSuccess: { fetch: { ...FETCH, [long("name")]: 1 } } } },
  { path: "/notify", body: { notifications: [{ ...MAIL, [long("name")]: 1 }] } },
  { path: "/notify", body: { ...MAIL, quiet: long("22:00-") } },
  { path: "/notify", body: { ...MAIL, template: long("a") } },
  { path: "/notify", body: { ...MAIL, unsubscribe: `https://a.org/${long("%2")}` } },
  { path: "/notify", body: { ...MAIL, attachments: [{ filename: long("../"), content: "eA==" }] } },
  { path: "/notify", body: { ...MAIL, attachments: [{ filename: "a", content: long("eA=\n") }] } },
  { path: "/notify", body: { ...MAIL, callback: `https://${long("a.")}/` } },
  { path: "/notify", body: { ...MAIL, onSuccess: { fetch: { url: long("%7B%7B%20") } } } },
  { path: "/fetch", body: { requests: [{ ...FETCH, url: `https://a.org/${long("../")}` }] } },
  { path: "/fetch", body: { requests: [{ ...FETCH, method: long("A") }] } },
  { path: "/fetch", body: { requests: [{ ...FETCH, expect: { json: { pointer: long("/a") } } }] } },
  { path: "/fetch", body: { requests: [{ ...FETCH, extract: { json: { a: long("/a") } } }] } },
  { path: "/fetch", body: { requests: [{ ...FETCH, extract: { css: { a: long("a>") } } }] } },
  { path: "/fetch", body: { requests: [{ ...FETCH, extract: { css: { a: long(":not(") } } }] } },
  { path: "/fetch", body: { requests: [{ ...FETCH, save: long("a/") }] } },
  { path: "/fetch", body: { requests: [{ ...FETCH, ifChanged: long("a") }] } },
  { path: "/fetch", body: { requests: [{ ...FETCH, tags: [long("a")] }] } },
];

Deno.test.each(rows)("$path refuses a field of 20 MB as invalid: %#", async ({ path, body }) => {
  await using api = await Api.open();
  const { status, body: answer } = await api.post(path, body);
  assert.equal(status, 422, JSON.stringify(answer).slice(0, 300));
  assert.ok(JSON.stringify(answer).length < 20_000);
  assert.deepEqual(api.errors, []);
});
