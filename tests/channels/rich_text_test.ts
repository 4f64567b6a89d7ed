import assert from "node:assert/strict";
import {
  cardDialect,
  discordDialect,
  markdownDialect,
  plainDiscordDialect,
  plainMarkdownDialect,
  slackDialect,
  telegramDialect,
  writeHtml,
} from "../../src/channels/chat/dialects.ts";
import { characters, cut } from "../../src/channels/chat/pieces.ts";
import { parseMarkdown, parsePlain } from "../../src/channels/markdown.ts";
import { cutBlocks } from "../../src/channels/cut_blocks.ts";
import { type Dialect, write } from "../../src/channels/rich_text.ts";

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

const urls: readonly { readonly text: string; readonly url: string }[] = [
  { text: "<https://e.org/a_b-c>", url: "https://e.org/a_b-c" },
  { text: "url=https://e.org/a_b~c!d", url: "https://e.org/a_b~c!d" },
  { text: "`https://e.org/a_b`", url: "https://e.org/a_b" },
  { text: "**https://e.org/a_b**", url: "https://e.org/a_b" },
  { text: "(see https://e.org/a_(b)_c).", url: "https://e.org/a_(b)_c" },
  { text: "a|https://e.org/a_b|c", url: "https://e.org/a_b" },
  {
    text: "https://user:pa_ss@e.org:8080/a_b?c=*d*#e_f",
    url: "https://user:pa_ss@e.org:8080/a_b?c=*d*#e_f",
  },
  { text: '"https://e.org/ä_b", he said', url: "https://e.org/ä_b" },
];

Deno.test.each(urls)("plain text keeps its URL wherever it is: $text", ({ text, url }) => {
  const blocks = parsePlain(text);
  assert.ok(write(telegramDialect, blocks).includes(`href="${url}"`));
  assert.ok(write(slackDialect, blocks).includes(`<${url}|${url}>`));
  for (const dialect of [plainMarkdownDialect, cardDialect]) {
    const written = write(dialect, blocks);
    assert.ok(written.includes(url), written);
    // Readers take what follows a URL for a part of it, unless it is enclosed.
    if (dialect === plainMarkdownDialect) assert.doesNotMatch(written, /https:[^\s>]*\\/);
  }
});

Deno.test("code keeps its letters within a quotation and a list, and nothing in it ends it", () => {
  const code = "if x:\n    y = __init__  # ``` *z*";
  const fenced = `~~~py\n${code}\n~~~`;
  const within = {
    quote: fenced.replace(/^/gm, "> "),
    item: `10. item\n\n${fenced.replace(/^/gm, "    ")}\n\nafter **b**`,
  };
  for (const [place, markdown] of Object.entries(within)) {
    const blocks = parseMarkdown(markdown);
    const again = JSON.stringify(parseMarkdown(write(markdownDialect, blocks)));
    assert.ok(again.includes(JSON.stringify(code)), `${place}: ${again}`);
    assert.ok(write(telegramDialect, blocks).includes(`>${code}</code></pre>`), place);
    const slack = write(slackDialect, blocks);
    assert.equal(slack.split("```").length, 3, slack);
    assert.ok(slack.replaceAll("\u200b", "").includes(code), slack);
  }
});

Deno.test("a picture in a link is one link, and an address of mail stays as it is", () => {
  const picture = parseMarkdown("[![logo](https://e.org/i.png)](https://e.org/l_k)");
  assert.equal(write(telegramDialect, picture), '<a href="https://e.org/l_k">logo</a>');
  assert.equal(write(slackDialect, picture), "<https://e.org/l_k|logo>");
  assert.equal(write(discordDialect, parseMarkdown("a_b@e.org")), "a\\_b@e.org");
  assert.equal(
    write(discordDialect, parseMarkdown("<https://e.org/ä_b>")),
    "https://e.org/%C3%A4_b",
  );
  assert.equal(
    write(plainMarkdownDialect, parsePlain("a **b**- c\r\n- d")),
    "a \\*\\*b\\*\\*- c\n\\- d",
  );
});

Deno.test("a cut keeps the indent of the line that follows it", () => {
  const text = Array.from({ length: 40 }, (_, i) => `    line ${i}`).join("\n");
  const written = (blocks: Parameters<typeof write>[1]) => write(plainDiscordDialect, blocks);
  const all = cutBlocks(parsePlain(text), (piece) => written(piece).length <= 100, 100);
  assert.equal(all.map(written).join("\n"), text);
  assert.equal(cut(text, characters(100), 100).join("\n"), text);
});

Deno.test("an indent of plain text is no code in Markdown, and is shown in HTML", () => {
  const text = "Log:\n\n    x_1 = *y*\n\tz";
  const written = write(plainMarkdownDialect, parsePlain(text));
  assert.deepEqual(parseMarkdown(written).map(({ kind }) => kind), ["paragraph", "paragraph"]);
  assert.ok(written.includes("\u00a0".repeat(4) + "x\\_1"), written);
  assert.ok(writeHtml(parsePlain(text)).includes("&nbsp;&nbsp;&nbsp;&nbsp;x_1 = *y*<br>&nbsp;"));
});
