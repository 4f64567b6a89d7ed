/**
 * A mail as bytes: the same ones on every attempt, so that a receiver who
 * gets it twice can tell.
 *
 * @module
 */

import type { Buffer } from "node:buffer";
import { createTransport } from "nodemailer";
import type { EmailPayload, Mailbox } from "../task/payloads.ts";

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

/** Opens a composer. It reads no file and no URL, whatever a payload says. */
export function openComposer(): Composer {
  const writer = createTransport({
    streamTransport: true,
    buffer: true,
    newline: "windows",
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  return async (payload, { taskId, createdAt }) => {
    const { from, to, cc, bcc } = payload;
    const messageId = `<${taskId}@${from.address.slice(from.address.lastIndexOf("@") + 1)}>`;
    const recipients = [...new Set([...to, ...cc, ...bcc].map(({ address }) => address))];
    const { message } = await writer.sendMail({
      ...contentOf(payload),
      messageId,
      date: new Date(createdAt),
      // Random by default, and then no two attempts are alike.
      baseBoundary: taskId,
      envelope: { from: from.address, to: recipients },
      maxRecipients: 0,
    });
    return { messageId, from: from.address, recipients, bytes: message as Buffer };
  };
}

/** All but Bcc, which belongs to the envelope alone. */
function contentOf(
  { from, to, cc, replyTo, subject, text, html, headers, attachments }: EmailPayload,
) {
  return {
    from: addressed(from),
    to: to.map(addressed),
    cc: cc.map(addressed),
    ...(replyTo === undefined ? {} : { replyTo: addressed(replyTo) }),
    subject,
    ...(text === undefined && html !== undefined ? {} : { text: text ?? "" }),
    ...(html === undefined ? {} : { html }),
    headers: { ...headers },
    attachments: attachments.map(({ filename, content, contentType, cid }) => ({
      filename,
      content,
      encoding: "base64",
      ...(contentType === undefined ? {} : { contentType }),
      ...(cid === undefined ? {} : { cid, contentDisposition: "inline" as const }),
    })),
  };
}

function addressed({ name = "", address }: Mailbox) {
  return { name, address };
}
