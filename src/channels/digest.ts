/**
 * Several mails or notes for the same people, said at once.
 *
 * @module
 */

import { compact } from "../lib/compact.ts";
import type { ChatPayload, EmailPayload, Severity } from "../task/payloads.ts";
import { htmlToPlain } from "./html_text.ts";

type Said = Pick<EmailPayload, "text" | "html" | "markdown" | "severity" | "attachments">;

/** A mail that stands for several. */
export function digestMail(mail: EmailPayload): EmailPayload {
  const { gathered, ...first } = mail;
  if (!gathered) return mail;
  const all = [first, ...gathered];
  const { html: _, ...rest } = first;
  return {
    ...rest,
    ...together(all.map((one) => ({ ...one, head: one.subject }))),
    subject: headOf(first.subject, all.length),
  };
}

/** A note that stands for several. */
export function digestNote(note: ChatPayload): ChatPayload {
  const { gathered, ...first } = note;
  if (!gathered) return note;
  const all = [first, ...gathered];
  const { html: _, ...rest } = first;
  return {
    ...rest,
    ...together(all.map((one) => ({ ...one, head: one.title }))),
    title: headOf(first.title, all.length),
  };
}

function headOf(first: string, count: number): string {
  return `${first || "Notifications"} (and ${count - 1} more)`;
}

function together(all: readonly (Said & { readonly head: string })[]) {
  const said = all.map(({ head, text, html, markdown }) => {
    const plain = text ?? (html === undefined ? markdown ?? "" : htmlToPlain(html));
    return { head, plain, marked: markdown ?? escapeMarkdown(plain) };
  });
  const severity = SEVERITIES.find((one) => all.some((said) => said.severity === one));
  return {
    text: said.map(({ head, plain }) => `${head}\n${"-".repeat(head.length)}\n${plain}`)
      .join("\n\n"),
    markdown: said.map(({ head, marked }) => `**${escapeMarkdown(head)}**\n\n${marked}`)
      .join("\n\n---\n\n"),
    attachments: all.flatMap(({ attachments }) => attachments),
    ...compact({ severity }),
  };
}

/** The worst first. */
const SEVERITIES: readonly Severity[] = ["failure", "warning", "info", "success"];

function escapeMarkdown(text: string): string {
  return text.replace(/[\\`*_{}[\]<>#|~+!-]/g, "\\$&").replaceAll("\n", "  \n");
}
