import assert from "node:assert/strict";
import {
  cardDialect,
  markdownDialect,
  plainMarkdownDialect,
  slackDialect,
  telegramDialect,
} from "../../src/channels/chat/dialects.ts";
import { parseMarkdown, parsePlain } from "../../src/channels/markdown.ts";
import { cutBlocks, type Dialect, write } from "../../src/channels/rich_text.ts";

function pieces(dialect: Dialect, markdown: string, limit: number): string[] {
  const written = (blocks: Parameters<typeof write>[1]) => write(dialect, blocks);
  return cutBlocks(parseMarkdown(markdown), (piece) => written(piece).length <= limit, 100)
    .map(written);
}

const DIALECTS = { slack: slackDialect, telegram: telegramDialect, discord: markdownDialect };
const CODE = 'x = "__init__" * 2';

for (const [name, dialect] of Object.entries(DIALECTS)) {
  Deno.test(`${name}: a long block of code is closed and opened again, and no letter changes`, () => {
    const lines = Array.from({ length: 400 }, (_, i) => `${CODE}  # ${i}`);
    const markdown = `Before\n\n\`\`\`\n${lines.join("\n")}\n\`\`\`\n\nAfter **bold**`;
    const all = pieces(dialect, markdown, 3_000);
    assert.ok(all.length > 3);
    for (const piece of all) {
      const marks = (mark: string) => piece.split(mark).length - 1;
      if (name === "telegram") assert.equal(marks("<pre>"), marks("</pre>"));
      else assert.equal(marks("\`\`\`") % 2, 0, piece);
    }
    const code = all.join("\n").replaceAll("&quot;", '"');
    for (const line of lines) assert.ok(code.includes(line), line);
    assert.ok(all.at(-1)?.includes(name === "discord" ? "**bold**" : "bold"));
  });

  Deno.test(`${name}: bold, links, lists and quotations are closed and opened again`, () => {
    const words = "word ".repeat(300);
    for (
      const markdown of [`**${words.trim()}**`, `> ${words}`, `[${words.trim()}](https://e.org/)`]
    ) {
      const all = pieces(dialect, markdown, 400);
      assert.ok(all.length > 3);
      const [before = ""] = /^\W+(?:a href="[^"]*">|b>)?/.exec(all[0] ?? "") ?? [];
      for (const piece of all) assert.ok(piece.startsWith(before), piece);
      const count = all.join(" ").match(/\bword\b/g)?.length;
      assert.equal(count, 300);
    }
    const list = Array.from({ length: 200 }, (_, i) => `${i + 1}. item`).join("\n");
    const numbers = pieces(dialect, list, 300).join("\n").match(/^\d+/gm)?.map(Number);
    assert.deepEqual(numbers, Array.from({ length: 200 }, (_, i) => i + 1));
  });
}

Deno.test("marks next to a letter are kept apart in Slack, and a heading is bold once", () => {
  assert.equal(write(slackDialect, parseMarkdown("**a**b")), "*a*\u200bb");
  assert.equal(write(slackDialect, parseMarkdown("a**b**")), "a\u200b*b*");
  assert.equal(write(slackDialect, parseMarkdown("# Head **b**")), "*Head b*");
  assert.equal(write(slackDialect, parseMarkdown("**a** b")), "*a* b");
});

Deno.test("plain text keeps its URLs, and its other characters are no markup", () => {
  const text = "See https://e.org/a_b-c and *this* _that_ `x` <@123>\n# no heading\n- no list";
  assert.equal(
    write(plainMarkdownDialect, parsePlain(text)),
    "See https://e.org/a_b-c and \\*this\\* \\_that\\_ \\`x\\` \\<@123>\n" +
      "\\# no heading\n\\- no list",
  );
});

Deno.test("a card shows plain text in its lines, and what it lacks plainly", () => {
  assert.equal(
    write(cardDialect, parsePlain("one\n* not_a_list_")),
    "one\n\n\\* not\\_a\\_list\\_",
  );
  assert.equal(
    write(
      cardDialect,
      parseMarkdown("# Head\n\n> quoted\n\n~~gone~~ \`a_b\`\n\n|a|b|\n|-|-|\n|1|2|"),
    ),
    "**Head**\n\n| quoted\n\ngone a\\_b\n\na | b\n\n1 | 2",
  );
});

Deno.test("Markdown for a service that shows it keeps headings, languages and the service's own marks", () => {
  const markdown = "## Head\n\n```js\na < b\n```\n\n||spoiler|| <#42> <t:1:R> 2 \\* 3";
  assert.equal(write(markdownDialect, parseMarkdown(markdown)), markdown);
});
