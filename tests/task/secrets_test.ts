import assert from "node:assert/strict";
import { looksSecret, maskForm, maskHeaders, maskJson, maskUrl } from "../../src/task/secrets.ts";

Deno.test.each([
  "Authorization",
  "Cookie",
  "Set-Cookie",
  "x-api-key",
  "X-Auth-Token",
  "proxy-authorization",
  "password",
  "userPassword",
  "PASSWD",
  "client_secret",
  "accessToken",
  "accesstoken",
  "apikey",
  "key",
  "sig",
  "X-Amz-Signature",
  "X-Hub-Signature-256",
  "jwt",
  "session_id",
  "AWSAccessKeyId",
])("%s looks like a secret", (name) => assert.ok(looksSecret(name)));

Deno.test.each([
  "monkey",
  "keyboard",
  "accept",
  "author",
  "passenger",
  "design",
  "url",
  "id",
  "content-type",
  "X-Build",
  "",
])("%s does not look like a secret", (name) => assert.ok(!looksSecret(name)));

Deno.test.each([
  { url: "https://example.org/a", shown: "https://example.org/a" },
  { url: "https://example.org/a?b=1", shown: "https://example.org/a?b=1" },
  {
    url: "https://example.org/?token=x&b=1&sig=y",
    shown: "https://example.org/?token=***&b=1&sig=***",
  },
  { url: "https://example.org/?to%6ben=x", shown: "https://example.org/?to%6ben=***" },
  { url: "https://example.org/?api+key=x", shown: "https://example.org/?api+key=***" },
  { url: "https://example.org/?key=", shown: "https://example.org/?key=***" },
  { url: "https://example.org/?%zz=1", shown: "https://example.org/?%zz=1" },
  { url: "https://u:p@example.org:8443/a", shown: "https://***@example.org:8443/a" },
  { url: "https://example.org/#token=x", shown: "https://example.org/" },
  { url: "/relative?token=x", shown: "/relative" },
  { url: "https://example.org/?a=1;token=x;y", shown: "https://example.org/?a=1;token=***" },
  { url: "https://example.org/?token=x;y&b=1;2", shown: "https://example.org/?token=***&b=1;2" },
])("$url is shown as $shown", ({ url, shown }) => assert.equal(maskUrl(url), shown));

Deno.test("headers keep the scheme of an authorization, and addresses lose their secrets", () => {
  assert.deepEqual(
    maskHeaders({
      authorization: "Bearer abc",
      Authorization: "abc",
      cookie: "a=b",
      accept: "*/*",
      location: "https://example.org/?token=x",
      refresh: "0; url=/?token=x",
    }),
    {
      authorization: "Bearer ***",
      Authorization: "***",
      cookie: "***",
      accept: "*/*",
      location: "https://example.org/?token=***",
      refresh: "0; url=/",
    },
  );
});

Deno.test("JSON members are masked at every depth, whatever they hold", () => {
  const value = { a: [{ password: "x" }], token: { deep: 1 }, secret: null, n: 1, s: "s" };
  const shown = { a: [{ password: "***" }], token: "***", secret: null, n: 1, s: "s" };
  assert.deepEqual(maskJson(value), shown);
});

Deno.test("forms are masked by name", () => {
  assert.equal(maskForm("user=a&pass=b&flag"), "user=a&pass=***&flag");
});
