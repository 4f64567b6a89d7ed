import assert from "node:assert/strict";
import { parseLaneHost } from "../../src/lib/lane_host.ts";

Deno.test.each([
  { text: "example.org", host: "example.org" },
  { text: " Example.ORG ", host: "example.org" },
  { text: "example.org.", host: "example.org" },
  { text: "https://example.org.:443", host: "https://example.org:443" },
  { text: "example.org:8080", host: "example.org:8080" },
  { text: "bücher.example", host: "xn--bcher-kva.example" },
  { text: "BÜCHER.example:443", host: "xn--bcher-kva.example:443" },
  { text: "https://Bücher.example:443", host: "https://xn--bcher-kva.example:443" },
  { text: "mail:smtp.example.org:587", host: "mail:smtp.example.org:587" },
  { text: "localhost:587", host: "localhost:587" },
  { text: "outbox", host: "outbox" },
  { text: "127.1", host: "127.0.0.1" },
  { text: "::1", host: "[::1]" },
  { text: "[0:0::1]:80", host: "[::1]:80" },
])('"$text" is the host $host', ({ text, host }) => {
  assert.equal(parseLaneHost(text), host);
});

Deno.test.each([
  "",
  " ",
  "http://example.org/",
  "http://example.org",
  "example.org/path",
  "*.example.org",
  "example.org:0",
  "example.org:65536",
  "a b",
  "ada@example.org",
  "[::1",
  "1.2.3.4.5",
])('"%s" is no host', (text) => {
  assert.equal(parseLaneHost(text), undefined);
});
