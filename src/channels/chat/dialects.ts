/**
 * How the services write what markdown can say.
 *
 * @module
 */

import type { Dialect } from "../markdown.ts";

const entities: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

/** Text in HTML. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"]/g, (letter) => entities[letter] ?? "");
}

/** https://docs.slack.dev/messaging/formatting-message-text: three letters are escaped. */
export function escapeSlack(text: string): string {
  return text.replace(/[&<>]/g, (letter) => entities[letter] ?? "");
}

/** Slack's mrkdwn. */
export const slackDialect: Dialect = {
  strong: ["*", "*"],
  em: ["_", "_"],
  s: ["~", "~"],
  code: ["`", "`"],
  pre: ["```\n", "```"],
  quote: ">",
  link: (href) => [`<${escapeSlack(href).replaceAll("|", "%7C")}|`, ">"],
  escape: escapeSlack,
};

/** The HTML of https://core.telegram.org/bots/api#html-style. */
export const telegramDialect: Dialect = {
  strong: ["<b>", "</b>"],
  em: ["<i>", "</i>"],
  s: ["<s>", "</s>"],
  code: ["<code>", "</code>"],
  pre: ["<pre>", "</pre>"],
  quote: "&gt; ",
  link: (href) => [`<a href="${escapeHtml(href)}">`, "</a>"],
  escape: escapeHtml,
};

/** The HTML of https://pushover.net/api#html. */
export const pushoverDialect: Dialect = {
  ...telegramDialect,
  s: ["", ""],
  code: ["", ""],
  pre: ["", ""],
};
