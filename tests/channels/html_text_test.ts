import assert from "node:assert/strict";
import { htmlToPlain } from "../../src/channels/html_text.ts";

const pages: { what: string; html: string; text: string }[] = [
  { what: "paragraphs", html: "<p>One</p><p>Two &amp; three</p>", text: "One\n\nTwo & three" },
  { what: "line breaks", html: "one<br>two<br><br>three", text: "one\ntwo\n\nthree" },
  { what: "white space", html: "<div> a\n  b </div>\n<div>c</div>", text: "a b\nc" },
  {
    what: "links",
    html: '<a href="https://e.org/x">here</a>, <a href="https://e.org">https://e.org</a>',
    text: "here [https://e.org/x], https://e.org",
  },
  { what: "links of scripts", html: '<a href="javascript:alert(1)">here</a>', text: "here" },
  { what: "images", html: '<img alt="A cat"><img src="x.png">', text: "A cat" },
  {
    what: "images in links",
    html: '<a href="https://e.org/x"><img alt="Shop"></a>',
    text: "Shop [https://e.org/x]",
  },
  {
    what: "images alone in links",
    html: '<a href="https://e.org/"><img></a>',
    text: "https://e.org/",
  },
  {
    what: "lists",
    html: "<ul><li>a<li>b<ul><li>c</ul></ul><ol start=3><li>d<li>e</ol>",
    text: " * a\n * b\n    * c\n\n 3. d\n 4. e",
  },
  {
    what: "quotations",
    html: "a<blockquote><p>b</p><p>c</p></blockquote>d",
    text: "a\n\n> b\n>\n> c\n\nd",
  },
  { what: "code", html: "<pre>a\n  b</pre>", text: "a\n  b" },
  {
    what: "tables",
    html: "<table><tr><th>Name<th>Value<tr><td colspan=1000000000>a<td>1</table>",
    text: "Name   Value\na      1",
  },
  {
    what: "tables that lay out a page",
    html: "<table><tr><td><table><tr><td><ul><li>a</ul></table><p>b</table>",
    text: "* a\n\nb",
  },
  {
    what: "what is not shown",
    html: "<title>t</title><style>a{}</style><script>b()</script>c<!-- d -->",
    text: "c",
  },
  { what: "characters", html: "&eacute;&#128512;&lt;b&gt;", text: "é😀<b>" },
];

Deno.test.each(pages)("htmlToPlain() writes $what", ({ html, text }) => {
  assert.equal(htmlToPlain(html).trim(), text.trim());
});

Deno.test("htmlToPlain() wraps lines, unless the caller switches it off", () => {
  const html = `<p>${"word ".repeat(40)}</p>`;
  assert.ok(htmlToPlain(html).split("\n").every((line) => line.length <= 78));
  assert.equal(htmlToPlain(html, { wrap: Infinity }).split("\n").length, 1);
});

/** Each of them took minutes, gigabytes, or both, in a converter that builds a tree. */
const bombs: { what: string; html: string }[] = [
  { what: "a wide cell", html: "<table><tr><td colspan=1000000000 rowspan=1000000000>a" },
  { what: "many rows", html: "<tr><td>a".repeat(40_000) },
  { what: "nested tables", html: "<table><tr><td>a".repeat(40_000) },
  { what: "many cells", html: `<table>${`<tr>${"<td>a".repeat(200)}`.repeat(500)}` },
  { what: "nested blocks", html: "<div>".repeat(160_000) + "</p>".repeat(40_000) },
  { what: "nested lists", html: "<ul><li>a".repeat(100_000) },
  { what: "nested quotations", html: "<blockquote>a<br>".repeat(60_000) },
  { what: "open links", html: "<a href=http://x>".repeat(60_000) },
  { what: "links with words", html: "<a href=http://x>y</a>".repeat(50_000) },
  { what: "entities", html: "&amp;".repeat(200_000) },
  { what: "angle brackets", html: "<".repeat(1_000_000) },
  { what: "attributes", html: `<a ${"x=y ".repeat(250_000)}>` },
  { what: "blanks", html: "<b> </b>".repeat(130_000) },
  { what: "lines of code", html: `<pre>${"\n".repeat(1_000_000)}` },
  { what: "comments", html: "<!--".repeat(250_000) },
  { what: "an endless page", html: "<p>a</p>".repeat(500_000) },
];

Deno.test.each(bombs)("htmlToPlain() takes $what in one pass and a bounded text", ({ html }) => {
  assert.ok(htmlToPlain(html).length <= 1_048_576 + 100);
});

Deno.test("many blanks within preformatted text are searched once", () => {
  // It took minutes: a search for the end began at each blank.
  const blanks = " ".repeat(500_000);
  assert.ok(htmlToPlain(`<pre>a${blanks}b</pre>`).startsWith("a "));
});
