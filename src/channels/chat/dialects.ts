/**
 * The markup that each service uses for what Markdown can express.
 *
 * @module
 */

import { escapeHtml } from "../../lib/html.ts";
import type { Dialect } from "../markdown.ts";

/** https://docs.slack.dev/messaging/formatting-message-text: only these three characters are escaped. */
export function escapeSlack(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
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
