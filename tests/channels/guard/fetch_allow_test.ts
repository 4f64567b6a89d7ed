import assert from "node:assert/strict";
import { parseFetchAllow } from "../../../src/channels/guard/fetch_allow.ts";

const good: { text: string; entries: unknown[] }[] = [
  { text: "", entries: [] },
  { text: " , ", entries: [] },
  { text: "localhost", entries: [{ name: "localhost" }] },
  { text: "Intranet.Local:8080", entries: [{ name: "intranet.local", port: 8080 }] },
  { text: "10.0.0.1", entries: [{ range: "10.0.0.1/32" }] },
  { text: "10.0.0.1:81", entries: [{ range: "10.0.0.1/32", port: 81 }] },
  { text: "10.0.0.0/8:443", entries: [{ range: "10.0.0.0/8", port: 443 }] },
  { text: "[::1]", entries: [{ range: "::1/128" }] },
  { text: "[fd00::]/8", entries: [{ range: "fd00::/8" }] },
  { text: "[fd00::/8]:443", entries: [{ range: "fd00::/8", port: 443 }] },
  { text: "a.org, [::1]:1", entries: [{ name: "a.org" }, { range: "::1/128", port: 1 }] },
];

Deno.test.each(good)('parseFetchAllow() reads "$text"', ({ text, entries }) => {
  assert.deepEqual(parseFetchAllow(text), entries);
});

const bad = [
  "::1",
  "[::1",
  "[10.0.0.1]",
  "[::1%eth0]",
  "10.0.0.0/33",
  "[::1]/129",
  "10.0.0",
  "2130706433",
  "0x7f.1",
  "*.local",
  "http://a.org",
  "a.org/path",
  "a.org:0",
  "a.org:65536",
  "a.org:http",
  "user@a.org",
  "a b",
];

Deno.test.each(bad.map((text) => ({ text })))(
  'parseFetchAllow() refuses and names "$text"',
  ({ text }) => {
    assert.throws(() => parseFetchAllow(`a.org, ${text}`), (error) => {
      assert.ok(error instanceof RangeError);
      assert.ok(error.message.startsWith(`Cannot allow "${text}": expected `));
      return true;
    });
  },
);
