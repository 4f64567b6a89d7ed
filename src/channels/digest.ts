/**
 * Several mails or notes for the same recipients as one.
 *
 * @module
 */

import { compact } from "../lib/compact.ts";
import { escapeHtml } from "../lib/html.ts";
import type { EmailPayload, Severity } from "../task/payloads.ts";
import { htmlToPlain } from "./html_text.ts";
import { mailPage } from "./mail/page.ts";
import { parseMarkdown, parsePlain } from "./markdown.ts";
import { writeHtml } from "./chat/dialects.ts";
import type { Block } from "./rich_text.ts";

/** The content of one of them. */
type Content = Pick<EmailPayload, "text" | "html" | "markdown"> & { readonly head: string };

/** A mail that contains those of its digest. */
export function digestMail(mail: EmailPayload): EmailPayload {
  const { gathered, ...first } = mail;
  if (!gathered) return mail;
  const all = [first, ...gathered];
  const contents = all.map(({ subject, ...content }) => ({ head: subject, ...content }));
  const { html: _, markdown: __, ...rest } = first;
  return {
    ...rest,
    subject: digestTitle(first.subject, all.length),
    text: contents.map((one) => underHead(one, plainOf(one))).join("\n\n"),
    html: mailPage(
      contents.map((one) => {
        const head = one.head && `<p><strong>${escapeHtml(one.head)}</strong></p>\n`;
        return `${head}${writeHtml(contentBlocks(one))}\n`;
      }).join("<hr>\n"),
    ),
    attachments: all.flatMap(({ attachments }) => attachments),
    ...compact({ severity: worstSeverity(all) }),
  };
}

function underHead({ head }: Content, text: string): string {
  return head === "" ? text : `${head}\n${"-".repeat(head.length)}\n${text}`;
}

/** The blocks of a digest, each part under its own head, if it has one. */
export function digestBlocks(contents: readonly Content[]): Block[] {
  return contents.flatMap((one, i) => [
    ...(i > 0 ? [{ kind: "rule" } as const] : []),
    ...(one.head === "" ? [] : [
      {
        kind: "paragraph",
        inlines: [{ kind: "strong", inlines: [{ kind: "text", text: one.head }] }],
      } as const,
    ]),
    ...contentBlocks(one),
  ]);
}

/** The title of a digest. */
export function digestTitle(first: string, count: number): string {
  return `${first || "Notifications"} (and ${count - 1} more)`;
}

/** The most serious one, if any has a severity. */
export function worstSeverity(
  all: readonly { readonly severity?: Severity }[],
): Severity | undefined {
  return SEVERITIES.find((one) => all.some(({ severity }) => severity === one));
}

/** The most serious first. */
const SEVERITIES: readonly Severity[] = ["failure", "warning", "info", "success"];

function contentBlocks(content: Content): Block[] {
  return content.markdown === undefined
    ? parsePlain(plainOf(content, Infinity))
    : parseMarkdown(content.markdown);
}

/** Lines are wrapped at `wrap` where HTML has none of its own. */
function plainOf({ text, html, markdown }: Content, wrap?: number): string {
  return text ?? (html === undefined ? markdown ?? "" : htmlToPlain(html, compact({ wrap })));
}
