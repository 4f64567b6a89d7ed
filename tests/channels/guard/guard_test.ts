import assert from "node:assert/strict";
import fc from "fast-check";
import { parseFetchAllow } from "../../../src/channels/guard/fetch_allow.ts";
import { AddressError, openGuard } from "../../../src/channels/guard/guard.ts";

const guard = openGuard({ allow: [], self: { hostname: "8.8.4.4", port: 8000 } });

const hostile: string[] = [
  // Loopback in every spelling the URL parser knows.
  "http://127.0.0.1/",
  "http://127.1/",
  "http://127.0.1/",
  "http://0x7f.1/",
  "http://0x7f000001/",
  "http://0177.0.0.1/",
  "http://017700000001/",
  "http://2130706433/",
  "http://127.255.255.254/",
  "http://127.0.0.1./",
  "http://①②⑦.⓪.⓪.①/",
  "http://127。0。0。1/",
  "http://%31%32%37.0.0.1/",
  "http://0/",
  "http://0.0.0.0/",
  "http://00.00.00.00/",
  "http://[::1]/",
  "http://[0:0:0:0:0:0:0:1]/",
  "http://[::]/",
  // IPv4 dressed as IPv6.
  "http://[::ffff:127.0.0.1]/",
  "http://[::ffff:7f00:1]/",
  "http://[::ffff:8.8.8.8]/",
  "http://[::127.0.0.1]/",
  "http://[::7f00:1]/",
  "http://[64:ff9b::7f00:1]/",
  "http://[64:ff9b:1::1]/",
  "http://[2002:7f00:1::]/",
  "http://[2001::1]/",
  "http://[2001:db8::1]/",
  "http://[3fff::1]/",
  "http://[fe80::1]/",
  "http://[fc00::1]/",
  "http://[fd12:3456::1]/",
  "http://[fec0::1]/",
  "http://[ff02::1]/",
  "http://[100::1]/",
  "http://[4000::1]/",
  // Private and special IPv4.
  "http://10.0.0.1/",
  "http://10.255.255.255/",
  "http://100.64.0.1/",
  "http://100.127.255.255/",
  "http://169.254.169.254/latest/meta-data/",
  "http://172.16.0.1/",
  "http://172.31.255.255/",
  "http://192.0.0.1/",
  "http://192.0.2.1/",
  "http://192.31.196.1/",
  "http://192.52.193.1/",
  "http://192.88.99.1/",
  "http://192.168.1.1/",
  "http://192.175.48.1/",
  "http://198.18.0.1/",
  "http://198.19.255.255/",
  "http://198.51.100.1/",
  "http://203.0.113.1/",
  "http://224.0.0.1/",
  "http://240.0.0.1/",
  "http://255.255.255.255/",
  "http://168.63.129.16/",
  // Names.
  "http://localhost/",
  "http://LOCALHOST./",
  "http://loc\u00adalhost/",
  "http://ｌｏｃａｌｈｏｓｔ/",
  "http://app.localhost/",
  "http://printer.local/",
  "http://metadata.google.internal/",
  "http://db.default.svc/",
  "http://1.0.0.127.in-addr.arpa/",
  "http://abc.onion/",
  "http://a.test/",
  "http://a.invalid/",
  "http://a.example/",
  "http://intranet/",
  "http://a..b.org/",
  // Schemes, users, ports, lengths, ourselves.
  "ftp://example.org/",
  "file:///etc/passwd",
  "data:text/plain,x",
  "javascript:1",
  "gopher://example.org/",
  "ws://example.org/",
  "http://user@example.org/",
  "http://user:pass@example.org/",
  "http://:pass@example.org/",
  "http://example.org:0/",
  "http://example.org:22/",
  "http://example.org:25/",
  "http://example.org:465/",
  "http://example.org:6000/",
  "https://example.org:6667/",
  `http://example.org/${"a".repeat(2_040)}`,
  `http://example.org/${"ü".repeat(400)}`,
  "http://8.8.4.4:8000/",
];

Deno.test.each(hostile.map((url) => ({ url })))("refuseUrl() refuses $url", ({ url }) => {
  assert.equal(guard.refuseUrl(new URL(url))?.code, "address_refused");
});

const welcome = [
  "http://example.org/",
  "https://example.org:8443/a?b=c#d",
  "http://8.8.8.8/",
  "http://8.8.4.4/",
  "http://[2606:4700::1111]/",
  "http://a_b.example.org/",
  "http://münchen.de/",
  "http://172.32.0.1/",
  "http://100.128.0.1/",
  "http://192.0.1.1/",
  "http://example.org./",
  "http://localhost.example.org/",
];

Deno.test.each(welcome.map((url) => ({ url })))("refuseUrl() allows $url", ({ url }) => {
  assert.equal(guard.refuseUrl(new URL(url)), undefined);
});

const allowed: { allow: string; url: string; passes: boolean }[] = [
  { allow: "localhost", url: "http://localhost:9000/", passes: true },
  { allow: "localhost:9000", url: "http://localhost:9000/", passes: true },
  { allow: "localhost:9000", url: "http://localhost:9001/", passes: false },
  { allow: "localhost", url: "http://127.0.0.1/", passes: false },
  { allow: "LocalHost", url: "http://LOCALHOST./", passes: true },
  { allow: "intranet.local:8080", url: "http://intranet.local:8080/", passes: true },
  { allow: "intranet.local:8080", url: "http://x.intranet.local:8080/", passes: false },
  { allow: "127.0.0.1", url: "http://0x7f.1/", passes: true },
  { allow: "127.0.0.1", url: "http://[::ffff:127.0.0.1]/", passes: true },
  { allow: "127.0.0.1:80", url: "http://127.0.0.1/", passes: true },
  { allow: "127.0.0.1:81", url: "http://127.0.0.1/", passes: false },
  { allow: "10.0.0.0/8", url: "http://10.9.8.7/", passes: true },
  { allow: "10.0.0.0/8", url: "http://11.0.0.1/", passes: true },
  { allow: "10.0.0.0/8", url: "http://192.168.0.1/", passes: false },
  { allow: "[::1]", url: "http://[::1]/", passes: true },
  { allow: "[::1]:8080", url: "http://[::1]:8080/", passes: true },
  { allow: "[fd00::/8]:443", url: "https://[fd00::1]/", passes: true },
  { allow: "[fd00::]/8", url: "http://[fd00::1]/", passes: true },
  { allow: "127.0.0.1", url: "http://127.0.0.1:22/", passes: false },
  { allow: "127.0.0.1:22", url: "http://127.0.0.1:22/", passes: true },
  { allow: "127.0.0.1", url: "http://user@127.0.0.1/", passes: false },
  { allow: "127.0.0.1", url: "http://localhost:9000/", passes: true },
  { allow: "127.0.0.1:81", url: "http://localhost:9000/", passes: false },
  { allow: "127.0.0.1", url: "http://metadata.google.internal/", passes: false },
  { allow: "127.0.0.1", url: "http://intranet/", passes: false },
  { allow: "10.0.0.0/8", url: "http://intranet/", passes: true },
  { allow: "10.0.0.0/8", url: "http://localhost/", passes: false },
  { allow: "8.8.4.4", url: "http://8.8.4.4:8000/", passes: true },
];

Deno.test.each(allowed)("with $allow allowed, $url passes: $passes", ({ allow, url, passes }) => {
  const { refuseUrl } = openGuard({
    allow: parseFetchAllow(allow),
    self: { hostname: "8.8.4.4", port: 8000 },
  });
  assert.equal(refuseUrl(new URL(url)) === undefined, passes);
});

const resolutions: {
  why: string;
  allow?: string;
  host: string;
  found: string[];
  gives: string[] | string;
}[] = [
  { why: "a public name", host: "a.org", found: ["8.8.8.8"], gives: ["8.8.8.8"] },
  {
    why: "IPv4 first",
    host: "a.org",
    found: ["2606::1", "8.8.8.8"],
    gives: ["8.8.8.8", "2606::1"],
  },
  { why: "one address inside", host: "a.org", found: ["127.0.0.1"], gives: "address_refused" },
  {
    why: "inside among public",
    host: "a.org",
    found: ["8.8.8.8", "10.0.0.1"],
    gives: "address_refused",
  },
  { why: "a mapped one", host: "a.org", found: ["::ffff:10.0.0.1"], gives: "address_refused" },
  { why: "a zone", host: "a.org", found: ["fe80::1%eth0"], gives: "address_refused" },
  { why: "no answer", host: "a.org", found: [], gives: "dns_failed" },
  {
    why: "an allowed name",
    allow: "a.org",
    host: "a.org",
    found: ["10.0.0.1"],
    gives: ["10.0.0.1"],
  },
  {
    why: "an allowed address",
    allow: "10.0.0.0/8",
    host: "a.org",
    found: ["10.0.0.1"],
    gives: ["10.0.0.1"],
  },
  {
    why: "allowed among public",
    allow: "10.0.0.1",
    host: "a.org",
    found: ["10.0.0.1", "8.8.8.8"],
    gives: ["10.0.0.1", "8.8.8.8"],
  },
  {
    why: "allowed among refused",
    allow: "10.0.0.1",
    host: "a.org",
    found: ["10.0.0.1", "10.0.0.2"],
    gives: "address_refused",
  },
  {
    why: "another port",
    allow: "10.0.0.1:81",
    host: "a.org",
    found: ["10.0.0.1"],
    gives: "address_refused",
  },
  {
    why: "localhost, of which one address is allowed",
    allow: "127.0.0.1",
    host: "localhost",
    found: ["::1", "127.0.0.1"],
    gives: ["127.0.0.1"],
  },
  {
    why: "a dotless name that a search domain made public",
    allow: "10.0.0.0/8",
    host: "intranet",
    found: ["8.8.8.8"],
    gives: "address_refused",
  },
  { why: "ourselves", host: "a.org", found: ["8.8.4.4"], gives: "address_refused" },
];

Deno.test.each(resolutions)(
  "addressesOf() decides on $why",
  async ({ allow, host, found, gives }) => {
    const { addressesOf } = openGuard({
      allow: parseFetchAllow(allow ?? ""),
      self: { hostname: "8.8.4.4", port: 80 },
      resolve: () => Promise.resolve(found),
    });
    const got = await addressesOf(host, 80).catch((error) => {
      assert.ok(error instanceof AddressError);
      return error.error.code;
    });
    assert.deepEqual(got, gives);
  },
);

Deno.test("addressesOf() reports a resolver's error as dns_failed", async () => {
  const { addressesOf } = openGuard({
    allow: [],
    resolve: () => Promise.reject(new Error("SERVFAIL")),
  });
  await assert.rejects(addressesOf("a.org", 80), (error) => {
    assert.ok(error instanceof AddressError);
    assert.equal(error.error.code, "dns_failed");
    return true;
  });
});

const OWN = { localAddress: "8.8.4.4", remoteAddress: "8.8.4.4" };

Deno.test.each([
  { self: "0.0.0.0", ends: OWN, refused: true },
  { self: "::", ends: OWN, refused: true },
  { self: "0.0.0.0", port: 8_001, ends: OWN, refused: false },
  { self: "0.0.0.0", ends: { ...OWN, localAddress: "8.8.8.8" }, refused: false },
  { self: "0.0.0.0", allow: "8.8.4.4:8000", ends: OWN, refused: false },
  { self: "0.0.0.0", allow: "a.org", ends: OWN, refused: false },
  { self: "127.0.0.1", ends: OWN, refused: false },
])(
  "a listener on $self refuses a connection to itself: $refused",
  ({ self, port = 8_000, allow = "", ends, refused }) => {
    const guard = openGuard({
      allow: parseFetchAllow(allow),
      self: { hostname: self, port: 8_000 },
    });
    const error = guard.refuseConnection("a.org", port, ends);
    assert.equal(error?.code, refused ? "address_refused" : undefined);
  },
);

Deno.test("No spelling of a private IPv4 address is allowed", () => {
  const inner = fc.tuple(
    fc.constantFrom(0, 10, 127, 224, 255),
    fc.nat(255),
    fc.nat(255),
    fc.nat(255),
  );
  const radix = fc.constantFrom(
    (n: number) => `${n}`,
    (n: number) => `0x${n.toString(16)}`,
    (n: number) => `0${n.toString(8)}`,
  );
  fc.assert(
    fc.property(inner, fc.array(radix, { minLength: 4, maxLength: 4 }), fc.boolean(), (...made) => {
      const [parts, spell, mapped] = made;
      const host = mapped
        ? `[::ffff:${parts.join(".")}]`
        : parts.map((part, i) => spell[i]?.(part)).join(".");
      assert.equal(guard.refuseUrl(new URL(`http://${host}/`))?.code, "address_refused");
    }),
  );
});

Deno.test("No allowed URL has a user, another scheme or a private host", () => {
  fc.assert(
    fc.property(fc.webUrl({ withFragments: true, withQueryParameters: true }), (text) => {
      const url = URL.parse(text);
      if (!url || guard.refuseUrl(url)) return;
      assert.match(url.protocol, /^https?:$/);
      assert.equal(url.username + url.password, "");
      assert.match(url.hostname, /\./);
    }),
  );
});
