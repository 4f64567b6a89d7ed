import assert from "node:assert/strict";
import { CookieJar } from "../../../src/channels/http/cookies.ts";
import { aContext, aFetch, anAttempt } from "../support/attempts.ts";
import { openTestHttp } from "../support/http_channel.ts";
import { serveHttp } from "../support/http_servers.ts";

const NOW = Date.UTC(2026, 0, 1);

const rows: { set: string; at?: string; to: string; sent: string | undefined }[] = [
  { set: "a=1", to: "https://a.org/", sent: "a=1" },
  { set: "a=1; Secure; HttpOnly", to: "https://a.org/", sent: "a=1" },
  { set: "a=1; Secure", to: "http://a.org/", sent: undefined },
  { set: "a=1", to: "https://b.org/", sent: undefined },
  { set: "a=1", to: "https://sub.a.org/", sent: undefined },
  { set: "a=1; Domain=a.org", to: "https://sub.a.org/", sent: "a=1" },
  { set: "a=1; Domain=.a.org", at: "https://x.a.org/", to: "https://y.a.org/", sent: "a=1" },
  { set: "a=1; Domain=b.org", to: "https://b.org/", sent: undefined },
  { set: "a=1; Domain=org", to: "https://b.org/", sent: undefined },
  { set: "a=1; Path=/x", to: "https://a.org/x/y", sent: "a=1" },
  { set: "a=1; Path=/x", to: "https://a.org/xy", sent: undefined },
  { set: "a=1", at: "https://a.org/in/here", to: "https://a.org/", sent: undefined },
  { set: "a=1", at: "https://a.org/in/here", to: "https://a.org/in/there", sent: "a=1" },
  { set: "a=1; Max-Age=0", to: "https://a.org/", sent: undefined },
  { set: "a=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT", to: "https://a.org/", sent: undefined },
  { set: "a=1; Expires=Thu, 01 Jan 2099 00:00:00 GMT", to: "https://a.org/", sent: "a=1" },
  { set: 'a="x=y"', to: "https://a.org/", sent: 'a="x=y"' },
  { set: "nonsense", to: "https://a.org/", sent: undefined },
];

Deno.test.each(rows)(
  "$set of $at sends $sent to $to",
  ({ set, at = "https://a.org/", to, sent }) => {
    const jar = new CookieJar();
    jar.take(new URL(at), [set], NOW);
    assert.equal(jar.header(new URL(to), undefined), sent);
  },
);

Deno.test("a cookie replaces the one of the same name, and follows the caller's own", () => {
  const jar = new CookieJar();
  const url = new URL("https://a.org/");
  jar.take(url, ["a=1", "b=2", "a=3"], NOW);
  assert.equal(jar.header(url, "own=0"), "own=0; b=2; a=3");
  jar.take(url, ["b=; Max-Age=0"], NOW);
  assert.equal(jar.header(url, undefined), "a=3");
});

Deno.test("cookies of redirects are sent within the attempt, and not in the next one", async () => {
  await using server = serveHttp(({ url, headers }) => {
    if (!url.endsWith("/in")) return new Response(headers.get("cookie"));
    const set = new Headers([["set-cookie", "a=1"], ["set-cookie", "b=2; Path=/"]]);
    set.set("location", "/out");
    return new Response(null, { status: 302, headers: set });
  });
  await using channel = openTestHttp();
  const fetched = async (path: string, cookie?: string) => {
    const headers = cookie === undefined ? {} : { cookie };
    const payload = aFetch(server.url + path, { headers });
    const outcome = await channel.deliver(anAttempt(payload), aContext());
    return (outcome.result as { body: string }).body;
  };
  assert.equal(await fetched("/in"), "a=1; b=2");
  assert.equal(await fetched("/in", "own=0"), "own=0; a=1; b=2");
  assert.equal(await fetched("/out"), "");
});
