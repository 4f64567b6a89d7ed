import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { parseDkim, parseRelays, relaysFor } from "../../../src/channels/mail/relays.ts";

const FILES: Record<string, string> = {
  "relay.url": "smtp://ada:s3cr3t@a.example.net:587\n",
  "short.pem": generateKeyPairSync("rsa", {
    modulusLength: 512,
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  }).privateKey,
};
const OTHERS = { url: "smtps://b.example.net" };

function readFile(path: string): string {
  return FILES[path] ?? (() => {
    throw new Deno.errors.NotFound(`no ${path}`);
  })();
}

Deno.test("the relays of the sender's domain come first, then those without a domain", () => {
  const parsed = parseRelays([
    OTHERS,
    { urlFile: "relay.url", senders: ["example.org"] },
    { url: "smtp://c.example.net", senders: ["example.com"] },
  ], readFile);
  assert.ok("value" in parsed, JSON.stringify(parsed));
  const hosts = (sender: string) => relaysFor(parsed.value, sender).map(({ relay }) => relay.host);
  assert.deepEqual(hosts("ada@Example.org"), ["a.example.net", "b.example.net"]);
  assert.deepEqual(hosts("ada@example.net"), ["b.example.net"]);
});

Deno.test("no relays are none", () => {
  assert.deepEqual(parseRelays({}, readFile), { value: [] });
});

Deno.test.each([
  { value: "smtp://a", pointer: "" },
  { value: [{ url: "outbox:x" }], pointer: "/0/url" },
  { value: [{ url: "http://a" }], pointer: "/0/url" },
  { value: [{ urlFile: "no.url" }], pointer: "/0/urlFile" },
  { value: [{ ...OTHERS, colour: "red" }], pointer: "/0/colour" },
  { value: [{ ...OTHERS, senders: [] }], pointer: "/0/senders" },
  { value: [{ ...OTHERS, senders: ["a b"] }], pointer: "/0/senders" },
  { value: [{ ...OTHERS, senders: ["example.org"] }], pointer: "" },
  {
    value: [{
      ...OTHERS,
      oauth: { user: "a", tokenUrl: "http://a.b", clientId: "c", refreshToken: "d" },
    }],
    pointer: "/0/oauth/tokenUrl",
  },
  {
    value: [{ ...OTHERS, oauth: { user: "a", tokenUrl: "https://a.b", clientId: "c" } }],
    pointer: "/0/oauth/refreshToken",
  },
])("relays $value are refused at $pointer", ({ value, pointer }) => {
  const { issues } = parseRelays(value, readFile);
  assert.deepEqual(issues?.map((fault) => fault.pointer), [pointer]);
  assert.doesNotMatch(JSON.stringify(issues), /s3cr3t/);
});

Deno.test.each([
  { value: { "exa mple": {} }, pointer: "/exa mple" },
  { value: { "example.org": { selector: "-", keyFile: "x" } }, pointer: "/example.org/selector" },
  { value: { "example.org": { selector: "s1" } }, pointer: "/example.org/keyFile" },
  {
    value: { "example.org": { selector: "s1", keyFile: "short.pem" } },
    pointer: "/example.org/keyFile",
  },
])("a DKIM key $value is refused at $pointer", ({ value, pointer }) => {
  assert.deepEqual(parseDkim(value, readFile).issues?.map((fault) => fault.pointer), [pointer]);
});
