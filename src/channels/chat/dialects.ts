/**
 * The markup that each service uses for what Markdown can express.
 *
 * @module
 */

import { escapeHtml } from "../../lib/html.ts";
import type { Block, Dialect, Inline } from "../rich_text.ts";

/** https://docs.slack.dev/messaging/formatting-message-text: only these three characters are escaped. */
export function escapeSlack(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

/** Keeps a mark of Slack's apart from a word. */
const ZERO_WIDTH_SPACE = "\u200b";

/** Nothing can be escaped in Slack's code, and three backticks would end it. */
function withoutFences(code: string): string {
  return code.replaceAll("``", `\`${ZERO_WIDTH_SPACE}\``);
}

/** Slack's mrkdwn. */
export const slackDialect: Dialect = {
  strong: ["*", "*"],
  em: ["_", "_"],
  s: ["~", "~"],
  code: (text) => text.includes("`") ? escapeSlack(text) : `\`${escapeSlack(text)}\``,
  pre: (text) => `\`\`\`\n${escapeSlack(withoutFences(text))}\n\`\`\``,
  quote: ">",
  link: (href, words) => `<${escapeSlack(href).replaceAll("|", "%7C")}|${words}>`,
  wordBreak: ZERO_WIDTH_SPACE,
  bullet: "• ",
  escape: escapeSlack,
};

/** The mrkdwn of Google Chat and Rocket.Chat, in which nothing can be escaped. */
export const chatDialect: Dialect = {
  ...slackDialect,
  code: (text) => text.includes("`") ? text : `\`${text}\``,
  pre: (text) => `\`\`\`\n${withoutFences(text)}\n\`\`\``,
  quote: "> ",
  link: (href, words) => `<${href.replaceAll("|", "%7C")}|${words.replaceAll("|", "¦")}>`,
  bareLink: (href) => href,
  escape: (text) => text,
};

/** The same for plain text. */
export const plainChatDialect: Dialect = { ...chatDialect, escape: withoutMentions };

/** Text of others must not notify everyone: a mention is broken where nothing can be escaped. */
export function withoutMentions(text: string): string {
  return text.replace(
    /@(?=(?:all|here|channel|everyone)\b)|<(?=users\/)/gi,
    `$&${ZERO_WIDTH_SPACE}`,
  );
}

/** The HTML of https://core.telegram.org/bots/api#html-style. */
export const telegramDialect: Dialect = {
  strong: ["<b>", "</b>"],
  em: ["<i>", "</i>"],
  s: ["<s>", "</s>"],
  code: (text) => `<code>${escapeHtml(text)}</code>`,
  pre: (text, language) =>
    language === undefined
      ? `<pre>${escapeHtml(text)}</pre>`
      : `<pre><code class="language-${escapeHtml(language)}">${escapeHtml(text)}</code></pre>`,
  quote: "&gt; ",
  link: (href, words) => `<a href="${escapeHtml(href)}">${words}</a>`,
  bullet: "• ",
  escape: escapeHtml,
};

/** The HTML of https://pushover.net/api#html. */
export const pushoverDialect: Dialect = {
  ...telegramDialect,
  s: ["", ""],
  code: escapeHtml,
  pre: escapeHtml,
};

/** Characters that Markdown reads as markup, wherever they are. */
const MARKUP = /[\\`*_~[]/g;
/** What services add to Markdown: spoilers and mentions. */
const FURTHER_MARKUP = /[|<]/g;
/** What Markdown reads as markup at the beginning of a line: headings, quotations, lists. */
const LINE_MARKUP = /^(\s*)(?:([-+#>])|(\d+)(?=[.)]))/;

/** Markdown again, for services that show it. */
export const markdownDialect: Dialect = {
  strong: ["**", "**"],
  em: ["*", "*"],
  s: ["~~", "~~"],
  code: (text) => {
    const ticks = "`".repeat(longestTicks(text) + 1);
    return ticks === "`" ? `\`${text}\`` : `${ticks} ${text} ${ticks}`;
  },
  heading: (level) => `${"#".repeat(Math.min(level, 3))} `,
  pre: (text, language = "") => {
    const fence = "`".repeat(Math.max(3, longestTicks(text) + 1));
    return `${fence}${language}\n${text}\n${fence}`;
  },
  quote: "> ",
  marksCode: { quotes: true, items: true },
  link: (href, words) => isAddressOf(href, words) ? words : markdownLink(href, words),
  // Escaped it would be another address.
  bareLink: (href) => href,
  enclosedLink: (href) => `<${href}>`,
  bullet: "- ",
  escape: (text) => text.replace(MARKUP, "\\$&"),
  escapeLine: (line) => withIndent(escapeLine(line)),
};

/** Markdown takes a line that begins with four spaces for code; no-break spaces do not count. */
function withIndent(line: string): string {
  return line.replace(
    /^(?: {0,3}\t| {4})[ \t]*/,
    (blanks) => "\u00a0".repeat(columnsOf(blanks)),
  );
}

function markdownLink(href: string, words: string): string {
  return `[${words}](${href.replaceAll(")", "%29")})`;
}

/** Whether a link is a mail address that shows itself: Markdown programs make such a link on their own. */
function isAddressOf(href: string, words: string): boolean {
  return href === `mailto:${words.replaceAll("\\", "")}`;
}

/** Discord's Markdown: it finds lines of code anywhere, and keeps their indent. */
export const discordDialect: Dialect = {
  ...markdownDialect,
  marksCode: { quotes: true },
  escapeLine,
};

/** Markdown from plain text, in which nothing was meant as markup. */
export const plainMarkdownDialect: Dialect = {
  ...markdownDialect,
  escape: (text) => withoutMentions(escapePlain(text)),
};

/** The same for Discord. */
export const plainDiscordDialect: Dialect = { ...discordDialect, escape: escapePlain };

function escapePlain(text: string): string {
  return markdownDialect.escape(text).replace(FURTHER_MARKUP, "\\$&");
}

/**
 * What a TextBlock of an Adaptive Card shows: bold, italics, links and lists.
 * https://learn.microsoft.com/adaptive-cards/authoring-cards/text-features
 */
export const cardDialect: Dialect = {
  strong: markdownDialect.strong,
  link: markdownLink,
  bareLink: (href) => href,
  enclosedLink: (href) => markdownLink(href, escapeCard(href)),
  bullet: markdownDialect.bullet,
  em: ["_", "_"],
  s: ["", ""],
  code: (text) => escapeCard(text),
  pre: (text) =>
    text.split("\n").map((line) => withIndent(escapeLine(escapeCard(line))))
      .join("\n\n"),
  quote: "| ",
  lineBreak: "\n\n",
  escape: escapeCard,
  escapeLine: (line) => withIndent(escapeLine(line)),
};

function escapeCard(text: string): string {
  return text.replace(/[\\*_[\]~`]/g, "\\$&");
}

function escapeLine(text: string): string {
  return text.replace(
    LINE_MARKUP,
    (_, space, sign, number) => sign ? `${space}\\${sign}` : `${space}${number}\\`,
  );
}

function longestTicks(text: string): number {
  return (text.match(/`+/g) ?? []).reduce((most, { length }) => Math.max(most, length), 0);
}

/** Writes blocks as HTML, for services that show most of it. */
export function writeHtml(blocks: readonly Block[]): string {
  return blocks.map((block) => {
    switch (block.kind) {
      case "paragraph":
        return `<p>${inlineHtml(block.inlines)}</p>`;
      case "heading":
        return `<h3>${inlineHtml(block.inlines)}</h3>`;
      case "pre":
        return `<pre><code>${escapeHtml(block.text)}</code></pre>`;
      case "quote":
        return `<blockquote>${writeHtml(block.blocks)}</blockquote>`;
      case "list": {
        const items = block.items.map(({ blocks, isContinued }) =>
          isContinued ? writeHtml(blocks) : `<li>${itemHtml(blocks)}</li>`
        );
        const start = block.start === undefined || block.start === 1
          ? ""
          : ` start="${block.start}"`;
        return block.start === undefined
          ? `<ul>${items.join("")}</ul>`
          : `<ol${start}>${items.join("")}</ol>`;
      }
      case "table": {
        const rows = block.rows.map((row) =>
          `<tr>${row.map((cell) => `<td>${inlineHtml(cell)}</td>`).join("")}</tr>`
        );
        return `<table>${rows.join("")}</table>`;
      }
      case "rule":
        return "<hr>";
    }
  }).join("\n");
}

function itemHtml([first, ...rest]: readonly Block[]): string {
  if (first?.kind !== "paragraph") return writeHtml(first ? [first, ...rest] : rest);
  return inlineHtml(first.inlines) + writeHtml(rest);
}

function inlineHtml(inlines: readonly Inline[]): string {
  return inlines.map((inline) => {
    switch (inline.kind) {
      case "text":
        return withBlanks(escapeHtml(inline.text)).replaceAll("\n", "<br>");
      case "code":
        return `<code>${escapeHtml(inline.text)}</code>`;
      case "link":
        return `<a href="${escapeHtml(inline.href)}">${inlineHtml(inline.inlines)}</a>`;
      default: {
        const tag = { strong: "strong", em: "em", s: "del" }[inline.kind];
        return `<${tag}>${inlineHtml(inline.inlines)}</${tag}>`;
      }
    }
  }).join("");
}

/** HTML shows several spaces as one, and none at the beginning of a line. */
function withBlanks(html: string): string {
  return html.replace(/(?<=\n)[ \t]+|[ \t]{2,}/g, (blanks) => "&nbsp;".repeat(columnsOf(blanks)));
}

function columnsOf(blanks: string): number {
  return blanks.replaceAll("\t", "    ").length;
}

/** Writes blocks as plain text. */
export const plainDialect: Dialect = {
  strong: ["", ""],
  em: ["", ""],
  s: ["", ""],
  code: (text) => text,
  pre: (text) => text,
  quote: "> ",
  link: (href, words) => words === "" ? href : `${words} [${href}]`,
  bareLink: (href) => href,
  bullet: "• ",
  escape: (text) => text,
};
