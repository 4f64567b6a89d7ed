import assert from "node:assert/strict";
import { slackDialect, telegramDialect } from "../../src/channels/chat/dialects.ts";
import { markdownToHtml, parseMarkdown, parsePlain } from "../../src/channels/markdown.ts";
import { write } from "../../src/channels/rich_text.ts";

const RICH = `# Title

Some **bold**, *em*, ~~gone~~ and \`code\` & <b>raw</b>.

1. one
   - two

> quoted

\`\`\`js
a < b
\`\`\`

| a | b |
|---|---|
| 1 | 2 |`;

Deno.test("raw HTML is shown, not obeyed; a script is no link", () => {
  const html = markdownToHtml(
    "<script>alert(1)</script> [x](javascript:alert(1)) <img src=x onerror=y>",
  );
  assert.doesNotMatch(html, /<script|<img|<a /);
  assert.match(html, /&lt;script&gt;/);
});

Deno.test("markdown is said in another dialect as well as it can be", () => {
  assert.equal(
    write(slackDialect, parseMarkdown(RICH)),
    "*Title*\n\nSome *bold*, _em_, ~gone~ and `code` &amp; &lt;b&gt;raw&lt;/b&gt;.\n\n" +
      "1. one\n   • two\n\n>quoted\n\n```\na &lt; b\n```\n\na | b\n1 | 2",
  );
  assert.equal(
    write(
      telegramDialect,
      parseMarkdown("[a&b](https://example.org/?a=1&b=%22) **x**"),
    ),
    '<a href="https://example.org/?a=1&amp;b=%22">a&amp;b</a> <b>x</b>',
  );
});

Deno.test("a megabyte of blanks in a plain text is searched once", () => {
  // It took minutes: a search for the end began at each blank.
  assert.equal(parsePlain(`a${" ".repeat(1_000_000)}b  \n`).length, 1);
});
