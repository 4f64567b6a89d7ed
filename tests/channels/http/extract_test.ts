import assert from "node:assert/strict";
import type { FetchPayload } from "../../../src/task/payloads.ts";
import { aContext, aFetch, anAttempt } from "../support/attempts.ts";
import { openTestHttp } from "../support/http_channel.ts";
import { serveHttp } from "../support/http_servers.ts";

type Bytes = Uint8Array<ArrayBuffer>;
const bytes = (...codes: number[]): Bytes => new Uint8Array(codes);
const utf8 = (text: string): Bytes => new TextEncoder().encode(text);
const latin1 = (text: string): Bytes => Uint8Array.from(text, (letter) => letter.charCodeAt(0));

async function extracted(
  body: string | Bytes | Bytes[],
  extract: FetchPayload["extract"],
  type: string | null = "text/html",
) {
  await using server = serveHttp(() =>
    new Response(Array.isArray(body) ? ReadableStream.from(body) : body, {
      headers: type === null ? {} : { "content-type": type },
    })
  );
  await using channel = openTestHttp();
  const attempt = anAttempt(aFetch(server.url, { extract, maxBytes: 2 ** 24 } as never));
  const outcome = await channel.deliver(attempt, aContext());
  assert.equal(outcome.kind, "delivered");
  // deno-lint-ignore no-explicit-any -- results are JSON of many shapes
  return (outcome.result as any).extracted;
}

const lines: { text: string; wanted: number; got: string[] }[] = [
  { text: "a\n\n \t\nb\r\nc\rd", wanted: 3, got: ["a", "b", "c"] },
  { text: "a\r\n\r\n", wanted: 5, got: ["a"] },
  { text: "  a  \nb", wanted: 9, got: ["  a  ", "b"] },
  { text: "", wanted: 3, got: [] },
  { text: `${"x".repeat(5_000)}\nb`, wanted: 2, got: ["x".repeat(2_000), "b"] },
  { text: `${" ".repeat(5_000)}a\nb`, wanted: 2, got: ["a", "b"] },
];

Deno.test.each(lines)(
  "The first $wanted lines are $got.length lines",
  async ({ text, wanted, got }) => {
    assert.deepEqual((await extracted(text, { lines: wanted })).lines, got);
    // Byte by byte it is the same.
    const apart = [...utf8(text.slice(0, 200))].map((byte) => bytes(byte));
    if (text.length < 200) {
      assert.deepEqual((await extracted(apart, { lines: wanted })).lines, got);
    }
  },
);

Deno.test("A body that is not text has no lines and no words", async () => {
  const body = bytes(0x89, 0x50, 0, 0x20, 0x0a, 0x41, 0x0a);
  const { lines, words, errors } = await extracted(body, { lines: 3, words: true }, "image/png");
  assert.deepEqual({ lines, words, text: errors.text }, {
    lines: [],
    words: 0,
    text: "The body is not text",
  });
});

const words: { text: string; count: number }[] = [
  { text: "", count: 0 },
  { text: " \n ", count: 0 },
  { text: "one two\tthree\nfour  five", count: 5 },
  { text: "ä\u00a0ö\u3000ü", count: 3 },
  { text: "word ".repeat(200_000), count: 200_000 },
];

Deno.test.each(words)("A body has $count words for chunks of any size", async ({ text, count }) => {
  const body = utf8(text);
  const pieces: Bytes[] = [];
  for (let at = 0; at < body.length; at += 1_777) pieces.push(body.slice(at, at + 1_777));
  assert.equal((await extracted(text, { words: true })).words, count);
  assert.equal((await extracted(pieces, { words: true })).words, count);
});

Deno.test("Values are extracted from JSON by pointer, and a missing value is null", async () => {
  const body = JSON.stringify({ a: { "b/c": [1, { d: "x" }] }, n: null, "": 7 });
  const json = { one: "/a/b~1c/0", x: "/a/b~1c/1/d", all: "", none: "/a/z", empty: "/" };
  assert.deepEqual(await extracted(body, { json }, "application/json"), {
    json: { one: 1, x: "x", all: JSON.parse(body), none: null, empty: 7 },
  });
});

Deno.test("Numbers that a double cannot hold are extracted as strings with their digits", async () => {
  const body = '{"id":12345678901234567891,"e":1e400,"f":1.0,"n":[9007199254740993]}';
  const json = { id: "/id", e: "/e", f: "/f", n: "/n" };
  assert.deepEqual(await extracted(body, { json }, "application/json"), {
    json: { id: "12345678901234567891", e: "1e400", f: 1, n: ["9007199254740993"] },
  });
});

Deno.test.each([
  { why: "is not JSON", body: "<html>" },
  { why: "is nested too deep", body: "[".repeat(100_000) },
  { why: "is too long", body: `[${"1,".repeat(2_500_000)}1]` },
])("A body that $why gives nulls and an error", async ({ body }) => {
  const { json, errors } = await extracted(body, { json: { a: "/a" } }, "application/json");
  assert.deepEqual(json, { a: null });
  assert.match(errors.json, /^The body is/);
});

const FEED = `<?xml version="1.0"?><rss xmlns:dc="x"><channel><title>News</title>
  <item><title><![CDATA[A & B <i>]]></title><link>http://a/1</link><dc:creator>Ada</dc:creator></item>
  <item><title>C &amp; D</title><link>http://a/2</link><Enclosure URL="c.mp3"/></item></channel></rss>`;

const xml: { selector: string; got: string[] }[] = [
  { selector: "item title", got: ["A & B <i>", "C & D"] },
  { selector: "item link", got: ["http://a/1", "http://a/2"] },
  { selector: "dc\\:creator", got: ["Ada"] },
  { selector: "Enclosure@URL", got: ["c.mp3"] },
  { selector: "enclosure@url", got: [] },
];

Deno.test.each(xml)("$selector finds $got in XML", async ({ selector, got }) => {
  const types = [
    "application/rss+xml",
    "text/xml; charset=utf-8",
    "application/octet-stream",
    null,
  ];
  for (const type of types) {
    const { css } = await extracted(FEED, { css: { it: selector } }, type);
    assert.deepEqual(css.it, got, String(type));
  }
});

Deno.test("XHTML has the elements of HTML and the syntax of XML", async () => {
  const page =
    '<?xml version="1.0"?><html><body><div id="a"/><p>One<br/>Two&nbsp;Three</p></body></html>';
  for (const type of ["application/xhtml+xml", "text/plain"]) {
    const { css } = await extracted(page, { css: { p: "div + p", a: "#a" } }, type);
    assert.deepEqual(css, { p: ["One Two Three"], a: [""] });
  }
});

const PAGE = `<!doctype html><title>T</title><h1> Hello <b>dear</b>
  Ada </h1><ul><li class="x">1<li>2</ul><a href="/a">A</a><a>none</a><a href="b?c=d">B</a>`;

const selectors: { selector: string; got: string[] }[] = [
  { selector: "title", got: ["T"] },
  { selector: "h1", got: ["Hello dear Ada"] },
  { selector: "li", got: ["1", "2"] },
  { selector: "ul > li.x", got: ["1"] },
  { selector: "a@href", got: ["/a", "b?c=d"] },
  { selector: 'a[href^="/"]@href', got: ["/a"] },
  { selector: "li:nth-child(2)", got: ["2"] },
  { selector: "table", got: [] },
  { selector: "a@HREF", got: ["/a", "b?c=d"] },
  { selector: "H1", got: ["Hello dear Ada"] },
  { selector: "ul", got: ["1 2"] },
];

Deno.test.each(selectors)("$selector finds $got", async ({ selector, got }) => {
  assert.deepEqual(await extracted(PAGE, { css: { it: selector } }), { css: { it: got } });
});

Deno.test.each([
  { page: "<h1>One<br>Two</h1>", got: "One Two" },
  { page: "<h1>One<b>Two</b></h1>", got: "OneTwo" },
  { page: "<h1>One<div>Two</div><div>Three</div></h1>", got: "One Two Three" },
  { page: "<h1><table><tr><td>a<td>b<tr><td>c</table></h1>", got: "a b c" },
  { page: "<h1>a<script>x()</script><style>y{}</style><template>z</template></h1>", got: "a" },
])("the text of $page is $got", async ({ page, got }) => {
  assert.deepEqual((await extracted(page, { css: { it: "h1" } })).css.it, [got]);
});

Deno.test("a script is returned when it is selected itself", async () => {
  const page = '<script type="application/ld+json">{"a": 1}</script>';
  const css = { it: "script[type='application/ld+json']" };
  assert.deepEqual((await extracted(page, { css })).css.it, ['{"a": 1}']);
});

Deno.test.each([
  { page: "<div>".repeat(200), selector: "p.x div div div div", at: "css/it", why: /too long/ },
  {
    page: "<div></div>".repeat(2_000),
    selector: "p ~ div ~ div ~ div",
    at: "css/it",
    why: /too long/,
  },
  { page: "<div>".repeat(500_000), selector: "p", at: "css", why: /too deep/ },
])("$selector on a page made to be costly is bounded", async ({ page, selector, at, why }) => {
  const { css, errors } = await extracted(page, { css: { it: selector } });
  assert.deepEqual(css.it, []);
  assert.match(errors[at], why);
});

const charsets: { why: string; type: string | null; body: Bytes; word: string }[] = [
  {
    why: "declared",
    type: "text/plain; charset=iso-8859-1",
    body: latin1("\xe9t\xe9"),
    word: "été",
  },
  {
    why: "said in a page",
    type: "text/html",
    body: latin1('<meta charset="windows-1252">\x80'),
    word: "€",
  },
  {
    why: "said in a page of old",
    type: "text/html",
    body: latin1('<meta http-equiv="content-type" content="text/html; charset=shift_jis">\x82\xa0'),
    word: "あ",
  },
  { why: "a mark", type: "text/plain", body: bytes(0xff, 0xfe, 0x42, 0x04), word: "т" },
  {
    why: "a mark against what is declared",
    type: "text/plain; charset=iso-8859-1",
    body: bytes(0xef, 0xbb, 0xbf, 0xc3, 0xa9),
    word: "é",
  },
  { why: "the bytes themselves", type: "text/plain", body: utf8("été"), word: "été" },
  {
    why: "the bytes, which are no UTF-8",
    type: "text/plain",
    body: latin1("\xe9t\xe9"),
    word: "été",
  },
  { why: "unknown", type: "text/plain; charset=klingon", body: utf8("été"), word: "été" },
];

Deno.test.each(charsets)("Text is decoded by its charset: $why", async ({ type, body, word }) => {
  const { lines } = await extracted(body, { lines: 1 }, type);
  assert.ok(lines[0].endsWith(word), lines[0]);
});

Deno.test("Reading the text of nested elements is counted as well as matching them", async () => {
  const page = "<div>".repeat(100) + `<s>${"<p>".repeat(30_000)}</s>`.repeat(30);
  const { css, errors } = await extracted(page, { css: { t: "div" } });
  assert.deepEqual([css, typeof errors.css], [{ t: [] }, "string"]);
});

Deno.test("A page with too many elements gives an error", async () => {
  const { css, errors } = await extracted("<b>x</b>".repeat(500_000), { css: { t: "b" } });
  assert.deepEqual([css, errors.css], [{ t: [] }, "The page has too many elements"]);
});

Deno.test("Many pointers to one large value cost one look at it", async () => {
  const body = JSON.stringify(Array.from({ length: 300_000 }, (_, n) => n));
  const json = Object.fromEntries(Array.from({ length: 50 }, (_, n) => [`p${n}`, ""]));
  const { errors } = await extracted(body, { json }, "application/json");
  assert.equal(Object.keys(errors).length, 50);
});
