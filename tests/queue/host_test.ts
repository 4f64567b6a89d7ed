import assert from "node:assert/strict";
import { laneIsOfHost } from "../../src/queue/host.ts";

Deno.test.each([
  { lane: "https://example.org:443", host: "example.org", is: true },
  { lane: "https://example.org:443", host: "Example.ORG:443", is: true },
  { lane: "https://example.org:443", host: "https://example.org:443", is: true },
  { lane: "https://example.org:443", host: "http://example.org:443", is: false },
  { lane: "https://example.org:443", host: "ample.org", is: false },
  { lane: "mail:smtp.example.org:587", host: "smtp.example.org", is: true },
  { lane: "mail:smtp.example.org:587", host: "mail:smtp.example.org:587", is: true },
  { lane: "http://[::1]:8080", host: "::1", is: true },
  { lane: "http://[::1]:8080", host: "[::1]:8080", is: true },
  { lane: "http://127.0.0.1:8080", host: "127.0.0.1", is: true },
  { lane: "outbox", host: "outbox", is: true },
  { lane: "outbox", host: "", is: false },
])(`lane $lane and host "$host": $is`, ({ lane, host, is }) => {
  assert.equal(laneIsOfHost(lane, host), is);
});
