/**
 * Composes a mail into bytes, the same ones on every attempt, so that a
 * receiver who gets it twice can recognize it.
 *
 * It depends on its arguments alone, and so may run on any thread.
 *
 * @module
 */

import type { HeldText } from "../../lib/json/held_text.ts";
import { compact } from "../../lib/compact.ts";
import { Buffer } from "node:buffer";
import { Writable } from "node:stream";
import DKIM from "nodemailer/lib/dkim";
import MailComposer from "nodemailer/lib/mail-composer";
import type MimeNode from "nodemailer/lib/mime-node";
import type { EmailPayload, Mailbox } from "../../task/payloads.ts";
import { digestMail } from "../digest.ts";
import { htmlToPlain } from "../html_text.ts";
import { markdownToHtml } from "../markdown.ts";
import { mailPage } from "./page.ts";
import type { DkimKey } from "./relays.ts";

/** A mail, ready to leave. */
export interface Message {
  /** `<tsk_…@domain of the sender>`. */
  readonly messageId: string;
  /** The address in `From`. */
  readonly author: string;
  /** The sender of the envelope: bounces go there. */
  readonly from: string;
  /** The envelope's recipients, Bcc included, each once. */
  readonly recipients: readonly string[];
  /** RFC 5322, lines ended by CRLF, without Bcc. */
  readonly bytes: Uint8Array;
  /** Extensions of SMTP that the mail needs or wants. */
  readonly needs?: {
    /** An address has letters beyond ASCII before its `@` (RFC 6531). */
    readonly smtpUtf8?: true;
    /** Delivery reports (RFC 3461), which name this id. */
    readonly dsn?: { readonly envelopeId: string };
  };
}

/** What the bytes of a mail depend on, besides its payload. */
export interface MessageOptions {
  /** `tsk_…` */
  readonly taskId: string;
  /** When the first attempt began, in milliseconds since the epoch: the mail's date. */
  readonly date: number;
}

/** Composes mails; rejects only for a payload that was not validated. */
export type Composer = (
  payload: EmailPayload,
  options: MessageOptions,
  /** The files that are tokens in the payload. */
  held?: HeldText,
) => Promise<Message>;

/** There is no standard for it; mail programs look at these. */
const URGENT = { "X-Priority": "1 (Highest)", "Importance": "High" };
/** nodemailer formats these itself and takes no prepared value for them. */
const FORMATTED = new Set(["references", "sender"]);
/** The header fields that DKIM signs: RFC 6376 §5.4.1, and RFC 8058 §4 for one-click unsubscribing. */
const SIGNED_FIELDS = [
  ...["From", "Sender", "Reply-To", "Subject", "Date", "Message-ID", "To", "Cc", "MIME-Version"],
  ...["Content-Type", "Content-Transfer-Encoding", "In-Reply-To", "References", "Auto-Submitted"],
  ...["List-Id", "List-Help", "List-Unsubscribe", "List-Unsubscribe-Post", "List-Subscribe"],
  ...["List-Post", "List-Owner", "List-Archive"],
].join(":");

/** Opens a composer. It reads no file and no URL, whatever a payload says. */
export function openComposer(keys: readonly DkimKey[] = []): Composer {
  const signers = new Map(keys.map((key) => [key.domain, new DKIM(signingWith(key))]));
  return async (payload, { taskId, date }, held) => {
    const { from, bounce, to, cc, bcc, dsn } = payload;
    const domain = from.address.slice(from.address.lastIndexOf("@") + 1);
    const messageId = `<${taskId}@${domain}>`;
    const recipients = onceEach([...to, ...cc, ...bcc]).map(({ address }) => address);
    const mail = digestMail(payload);
    const files = new HeldFiles(held);
    const names = new EncodedNames();
    const message = new MailComposer({
      ...contentOf(mail, files, names),
      messageId,
      date: new Date(date),
      // Random by default, and then no two attempts are alike.
      baseBoundary: taskId,
      newline: "windows",
      disableFileAccess: true,
      disableUrlAccess: true,
    }).compile();
    message.setHeader(headersOf(mail));
    const built = mail.attachments.length > 0 ? await piecewise(message) : await atOnce(message);
    const plain = files.insertInto(withLineEnds(names.insertInto(withRecipients(built, mail))));
    const signer = signers.get(domain.toLowerCase());
    const bytes = signer ? await signed(signer, plain) : plain;
    const envelope = [bounce ?? from, ...to, ...cc, ...bcc];
    return {
      messageId,
      author: from.address,
      from: (bounce ?? from).address,
      recipients,
      bytes,
      needs: {
        ...(envelope.some(({ address }) => isBeyondAscii(address)) ? { smtpUtf8: true } : {}),
        ...(dsn ? { dsn: { envelopeId: taskId } } : {}),
      },
    };
  };
}

/** Headers that the composer does not make itself. */
function headersOf(mail: EmailPayload) {
  const { severity, unsubscribe, headers, subject } = mail;
  const has = (name: string) =>
    Object.keys(headers).some((key) => key.toLowerCase() === name.toLowerCase());
  return {
    ...(severity === "failure" && !has("Importance") ? URGENT : {}),
    // RFC 3834 §5: keeps vacation notices from answering.
    ...(has("Auto-Submitted") ? {} : { "Auto-Submitted": "auto-generated" }),
    ...(unsubscribe === undefined || has("List-Unsubscribe")
      ? {}
      : { "List-Unsubscribe": prepared(`<${unsubscribe}>`) }),
    ...(unsubscribe?.startsWith("https:") && !has("List-Unsubscribe-Post")
      ? { "List-Unsubscribe-Post": "List-Unsubscribe=One-Click" }
      : {}),
    // A mail program would decode it, and show another text.
    ...(subject.includes("=?") && !isBeyondAscii(subject)
      ? { Subject: prepared(encodedWords(subject)) }
      : {}),
    ...Object.fromEntries(
      Object.entries(headers).filter(isPlain)
        .map(([name, value]) => [name, prepared(value)]),
    ),
  };
}

/** A header value that is only folded, at its white space. */
function prepared(value: string) {
  return { prepared: true, foldLines: true, value } as unknown as string;
}

/** ASCII in one line needs no encoding, whatever it says. */
function isPlain([name, value]: readonly [string, string]): boolean {
  return !FORMATTED.has(name.toLowerCase()) && /^[\x20-\x7e]+$/.test(value);
}

function isBeyondAscii(text: string): boolean {
  // deno-lint-ignore no-control-regex -- all of ASCII
  return /[^\x00-\x7f]/.test(text);
}

/** RFC 2047, in words of at most 75 characters. */
function encodedWords(text: string): string {
  const words = Buffer.from(text).toString("base64").match(/.{1,60}/g) ?? [];
  return words.map((word) => `=?UTF-8?B?${word}?=`).join(" ");
}

/** The same address again, by an alias or in other letters, is the same mailbox. */
function onceEach(mailboxes: readonly Mailbox[], others: readonly Mailbox[] = []): Mailbox[] {
  const seen = new Set(others.map(({ address }) => address.toLowerCase()));
  return mailboxes.filter(({ address }) => {
    const isNew = !seen.has(address.toLowerCase());
    seen.add(address.toLowerCase());
    return isNew;
  });
}

async function signed(signer: InstanceType<typeof DKIM>, bytes: Buffer): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of signer.sign(bytes)) pieces.push(piece);
  return Buffer.concat(pieces);
}

/** Through the streams of the library, which attachments need. */
function piecewise(message: MimeNode): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    message.build((error, bytes) => error ? reject(error) : resolve(bytes));
  });
}

/** Without those streams, which cost a short mail as much as all the rest. */
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
      else resolve(Buffer.concat(pieces));
    });
  });
}

/**
 * RFC 5322 §2.3: lines end by CRLF, the last one too, and neither character
 * appears alone. A relay would correct it, and break the signature.
 */
function withLineEnds(bytes: Buffer): Buffer {
  if (isRegular(bytes)) return bytes;
  const text = bytes.toString("latin1").replace(/\r\n?|\n/g, "\r\n");
  return Buffer.from(text.endsWith("\n") ? text : `${text}\r\n`, "latin1");
}

function isRegular(bytes: Buffer): boolean {
  for (let at = bytes.indexOf(CR); at >= 0; at = bytes.indexOf(CR, at + 2)) {
    if (bytes[at + 1] !== LF) return false;
  }
  for (let at = bytes.indexOf(LF); at >= 0; at = bytes.indexOf(LF, at + 1)) {
    if (bytes[at - 1] !== CR) return false;
  }
  return bytes.at(-1) === LF;
}

const CR = 13;
const LF = 10;

/** The signature has no time, so that it is the same on every attempt. */
function signingWith({ domain, selector, privateKey }: DkimKey) {
  return {
    domainName: domain,
    keySelector: selector,
    privateKey,
    headerFieldNames: SIGNED_FIELDS,
  };
}

/** RFC 5322 §3.4: an empty group, where all recipients are hidden. */
const UNDISCLOSED = "undisclosed-recipients:;";
const QUOTED_UNDISCLOSED = '"undisclosed-recipients":;';

/**
 * Corrects what the composer writes of recipients: it quotes an empty group, which some
 * programs then show as a person, and leaves out the brackets of an address without a
 * name, which filters take for a mark of spam in a mail with pictures.
 */
function withRecipients(bytes: Buffer, { to, cc, html }: EmailPayload): Buffer {
  if (to.length + cc.length === 0) return replaced(bytes, QUOTED_UNDISCLOSED, UNDISCLOSED);
  const [only, ...more] = [...to, ...cc];
  if (!only || more.length > 0 || only.name || !/<img\b/i.test(html ?? "")) return bytes;
  return replaced(bytes, `\nTo: ${only.address}\r\n`, `\nTo: <${only.address}>\r\n`);
}

function replaced(bytes: Buffer, before: string, after: string): Buffer {
  const at = bytes.indexOf(before);
  if (at < 0) return bytes;
  const rest = bytes.subarray(at + Buffer.byteLength(before));
  return Buffer.concat([bytes.subarray(0, at), Buffer.from(after), rest]);
}

/** The content without Bcc, which belongs to the envelope alone. */
function contentOf(
  { from, to, cc, replyTo, subject, headers, attachments, ...said }: EmailPayload,
  files: HeldFiles,
  names: EncodedNames,
) {
  const { text, html } = bodiesOf(said);
  const addressed = ({ name = "", address }: Mailbox) => ({ name: names.standInOf(name), address });
  return {
    from: addressed(from),
    to: to.length + cc.length === 0 ? UNDISCLOSED : onceEach(to).map(addressed),
    cc: onceEach(cc, to).map(addressed),
    ...(replyTo === undefined ? {} : { replyTo: addressed(replyTo) }),
    subject,
    text,
    ...compact({ html }),
    headers: Object.fromEntries(
      Object.entries(headers).filter((header) => !isPlain(header)),
    ),
    attachments: attachments.map(({ filename, content: given, contentType, cid }) => {
      const content = files.standInOf(given, contentType);
      return {
        filename,
        content,
        encoding: "base64",
        ...compact({ contentType: typeOf(content, contentType) }),
        ...(cid === undefined ? {} : { cid, contentDisposition: "inline" as const }),
      };
    }),
  };
}

/**
 * Names such as `=?UTF-8?Q?x?=`: mail programs decode them even in quotes, and so show another
 * name than was given. The library composes the mail with a word in place of each.
 */
class EncodedNames {
  readonly #names: { readonly word: string; readonly name: string }[] = [];

  standInOf(name: string): string {
    if (!name.includes("=?") || isBeyondAscii(name)) return name;
    const word = `name${crypto.randomUUID().replaceAll("-", "")}`;
    this.#names.push({ word, name });
    return word;
  }

  insertInto(mail: Buffer): Buffer {
    return this.#names.reduce(
      (mail, { word, name }) => replaced(mail, word, encodedWords(name).replaceAll(" ", "\r\n ")),
      mail,
    );
  }
}

/** RFC 2045 §6.8: characters in a line of base64. */
const LINE_LENGTH = 76;

/**
 * Long files, which are base64 already: the library composes the mail with a line
 * of base64 in place of each, and their own lines are copied in at the end.
 */
class HeldFiles {
  readonly #held: HeldText | undefined;
  readonly #files: { readonly mark: string; readonly base64: Uint8Array<ArrayBuffer> }[] = [];

  constructor(held: HeldText | undefined) {
    this.#held = held;
  }

  /** What the library composes instead of a file: the file itself when it is short. */
  standInOf(content: string, contentType: string | undefined): string {
    const base64 = this.#held?.bytesOf(content);
    if (!base64) return content;
    // The kind of these decides how they are sent.
    if (/^message\//i.test(contentType ?? "")) return Buffer.from(base64).toString("latin1");
    const bytes = crypto.getRandomValues(Buffer.alloc(LINE_LENGTH / 4 * 3));
    const mark = bytes.toString("base64");
    this.#files.push({ mark, base64 });
    return mark;
  }

  /** The mail with its files. */
  insertInto(mail: Buffer): Buffer {
    if (this.#files.length === 0) return mail;
    const places = this.#files.map(({ mark, base64 }) => ({ at: mail.indexOf(mark), base64 }));
    const whole = Buffer.allocUnsafeSlow(
      places.reduce((sum, { base64 }) => sum + inLines(base64.length) - LINE_LENGTH, mail.length),
    );
    let length = 0;
    let from = 0;
    for (const { at, base64 } of places.sort((a, b) => a.at - b.at)) {
      length += mail.copy(whole, length, from, at);
      for (let start = 0; start < base64.length; start += LINE_LENGTH) {
        if (start > 0) length += whole.write("\r\n", length, "latin1");
        const line = base64.subarray(start, start + LINE_LENGTH);
        whole.set(line, length);
        length += line.length;
      }
      from = at + LINE_LENGTH;
    }
    mail.copy(whole, length, from);
    return whole;
  }
}

function inLines(length: number): number {
  return length + 2 * (Math.ceil(length / LINE_LENGTH) - 1);
}

/**
 * RFC 2046 §5.2.1 allows no encoding for `message/…`. One that is not 7-bit text
 * in short lines goes as a file, which every relay takes as it is.
 */
function typeOf(content: string, contentType?: string): string | undefined {
  if (!contentType || !/^message\//i.test(contentType)) return contentType;
  const text = Buffer.from(content, "base64").toString("latin1");
  const isSevenBit = !/[^\t\r\n\x20-\x7e]/.test(text) && !/[^\r\n]{999}/.test(text) &&
    !/\r(?!\n)|(?<!\r)\n/.test(text);
  return isSevenBit ? contentType : "application/octet-stream";
}

/** There is always a text part: filters distrust HTML alone, and some programs show no HTML. */
function bodiesOf({ text, html, markdown }: Pick<EmailPayload, "text" | "html" | "markdown">) {
  // The composer leaves out an empty part.
  if (html !== undefined) return { text: (text ?? htmlToPlain(html)) || "\n", html };
  if (markdown === undefined) return { text: text ?? "" };
  return { text: (text ?? markdown) || "\n", html: mailPage(markdownToHtml(markdown)) };
}
