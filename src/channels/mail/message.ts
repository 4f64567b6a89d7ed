/**
 * A mail as bytes: the same ones on every attempt, so that a receiver who
 * gets it twice can tell.
 *
 * @module
 */

import { compact } from "../../lib/compact.ts";
import { Buffer } from "node:buffer";
import { type Readable, Writable } from "node:stream";
import DKIM from "nodemailer/lib/dkim";
import MailComposer from "nodemailer/lib/mail-composer";
import type MimeNode from "nodemailer/lib/mime-node";
import type { EmailPayload, Mailbox } from "../../task/payloads.ts";
import { digestMail } from "../digest.ts";
import { htmlToPlain } from "../html_text.ts";
import { markdownToHtml } from "../markdown.ts";
import type { DkimKey } from "./relays.ts";

/** A mail, ready to leave. */
export interface Message {
  /** `<tsk_…@domain of the sender>`. */
  readonly messageId: string;
  /** The envelope's sender. */
  readonly from: string;
  /** The envelope's recipients, Bcc included, each once. */
  readonly recipients: readonly string[];
  /** RFC 5322, lines ended by CRLF; knows nothing of Bcc. */
  readonly bytes: Uint8Array;
}

/** What makes a mail's bytes, besides its payload. */
export interface MessageOptions {
  /** `tsk_…` */
  readonly taskId: string;
  /** The mail's date, in milliseconds since the epoch. */
  readonly createdAt: number;
}

/** Writes mails out; rejects only for a payload that was never checked. */
export type Composer = (payload: EmailPayload, options: MessageOptions) => Promise<Message>;

/** There is no standard for it; this is what mail programs look at. */
const URGENT = { "X-Priority": "1 (Highest)", "X-MSMail-Priority": "High", "Importance": "High" };

/** Opens a composer. It reads no file and no URL, whatever a payload says. */
export function openComposer(keys: readonly DkimKey[] = []): Composer {
  const signers = new Map(keys.map((key) => [key.domain, new DKIM(signingWith(key))]));
  return async (payload, { taskId, createdAt }) => {
    const { from, to, cc, bcc } = payload;
    const domain = from.address.slice(from.address.lastIndexOf("@") + 1);
    const messageId = `<${taskId}@${domain}>`;
    const recipients = [...new Set([...to, ...cc, ...bcc].map(({ address }) => address))];
    const mail = digestMail(payload);
    const message = new MailComposer({
      ...contentOf(mail),
      messageId,
      date: new Date(createdAt),
      // Random by default, and then no two attempts are alike.
      baseBoundary: taskId,
      newline: "windows",
      disableFileAccess: true,
      disableUrlAccess: true,
    }).compile();
    if (payload.severity === "failure") message.setHeader(URGENT);
    const signer = signers.get(domain.toLowerCase());
    if (signer) message.processFunc((input: Readable) => signer.sign(input));
    const bytes = signer || mail.attachments.length > 0
      ? await piecewise(message)
      : await atOnce(message);
    return { messageId, from: from.address, recipients, bytes };
  };
}

/** As the library does it: through a row of streams, however long the mail is. */
function piecewise(message: MimeNode): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    message.build((error, bytes) => error ? reject(error) : resolve(bytes));
  });
}

/** The same without the row of streams, which cost a short mail as much as all the rest. */
function atOnce(message: MimeNode): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const pieces: Buffer[] = [];
    const sink = new Writable({
      write(piece: Buffer, _, taken) {
        pieces.push(piece);
        taken();
      },
    });
    message.stream(sink, {}, (error) => {
      if (error) reject(error);
      else resolve(withLineEnds(Buffer.concat(pieces)));
    });
  });
}

/** RFC 5322 §2.3: lines end by CRLF, the last one too. */
function withLineEnds(bytes: Buffer): Buffer {
  const text = bytes.toString("latin1").replace(/\r?\n/g, "\r\n");
  return Buffer.from(text.endsWith("\n") ? text : text.replace(/\r?$/, "\r\n"), "latin1");
}

/** The signature says no time, and so is the same on every attempt. */
function signingWith({ domain, selector, privateKey }: DkimKey) {
  return { domainName: domain, keySelector: selector, privateKey };
}

/** All but Bcc, which belongs to the envelope alone. */
function contentOf(
  { from, to, cc, replyTo, subject, headers, attachments, ...said }: EmailPayload,
) {
  const { text, html } = bodiesOf(said);
  return {
    from: addressed(from),
    to: to.map(addressed),
    cc: cc.map(addressed),
    ...(replyTo === undefined ? {} : { replyTo: addressed(replyTo) }),
    subject,
    text,
    ...compact({ html }),
    headers: { ...headers },
    attachments: attachments.map(({ filename, content, contentType, cid }) => ({
      filename,
      content,
      encoding: "base64",
      ...compact({ contentType }),
      ...(cid === undefined ? {} : { cid, contentDisposition: "inline" as const }),
    })),
  };
}

/** Nobody gets HTML alone: filters distrust it, and some readers show none. */
function bodiesOf({ text, html, markdown }: Pick<EmailPayload, "text" | "html" | "markdown">) {
  if (html !== undefined) return { text: text ?? htmlToPlain(html), html };
  if (markdown === undefined) return { text: text ?? "" };
  return { text: text ?? markdown, html: page(markdownToHtml(markdown)) };
}

function page(body: string): string {
  const style = "max-width:40em;font:16px/1.5 -apple-system,'Segoe UI',Roboto,Arial,sans-serif";
  return `<!doctype html>\n<meta charset="utf-8">\n<div style="${style}">\n${body}</div>\n`;
}

function addressed({ name = "", address }: Mailbox) {
  return { name, address };
}
