/**
 * `POST /notify`: from what a caller wrote to mails that can be sent.
 *
 * @module
 */

import { z } from "zod";
import { isBase64 } from "./base64.ts";
import { isMembers, type Members, parseEntries, parseSingle, type Requests } from "./entries.ts";
import { type Fault, faultsOf, isLongerThan, isOneLine, type Parsed, pointerTo } from "./faults.ts";
import { parseMailbox } from "./mailbox.ts";
import { OPTION_ALTERNATIVES, optionFields, readOptions, type SubmitOptions } from "./options.ts";
import type { Attachment, EmailPayload, Mailbox } from "./payloads.ts";
import { DEFAULT_RETRIES } from "./retry.ts";
import type { Json } from "./task.ts";

/** One notification, as it was meant. */
export interface NotifyRequest {
  /** When and how often. */
  readonly options: SubmitOptions;
  /** The mail; its sender may still be open. */
  readonly mail: Omit<EmailPayload, "from"> & { readonly from?: Mailbox };
}

const DEFAULTS = { retry: DEFAULT_RETRIES.mail, timeoutMs: 60_000 };
const ALTERNATIVES = [...OPTION_ALTERNATIVES, ["subject", "title"]];
const MOST_RECIPIENTS = 1_000;
const MOST_ATTACHMENTS = 100;
const MOST_HEADERS = 100;
/** RFC 5322 §2.1.1: a line is at most 998 characters. */
const LINE_BYTES = 998;
const FILENAME_BYTES = 255;

const EXPECTED = {
  mailbox: `Expected one mail address such as "ada@example.org" or "Ada <ada@example.org>"`,
  mailboxes: "Expected a mail address, or a list of them",
  subject: `Expected one line of at most ${LINE_BYTES} bytes`,
  text: "Expected a text",
  headers: `Expected an object of at most ${MOST_HEADERS} headers`,
  header: `Expected one line of at most ${LINE_BYTES} bytes, as a text`,
  attachments: `Expected a list of at most ${MOST_ATTACHMENTS} attachments, each an object`,
  filename: `Expected a bare file name of 1 to ${FILENAME_BYTES} bytes, without a path`,
  content: "Expected the file's content in base64, padded and without line breaks",
  contentType: `Expected a media type such as "application/pdf"`,
  cid: `Expected 1 to 200 letters, digits or any of "._@+-"`,
};

const mailbox = z.string({ error: EXPECTED.mailbox });
const mailboxes = z.union([mailbox, z.array(mailbox).min(1)], { error: EXPECTED.mailboxes });
const text = z.string({ error: EXPECTED.text });

const schema = z.strictObject({
  to: mailboxes.optional().meta({
    description: `One address or many: one mail, at most ${MOST_RECIPIENTS} recipients in all.`,
    examples: ["Ada <ada@example.org>"],
  }),
  cc: mailboxes.optional().meta({ description: "Copies that everybody sees." }),
  bcc: mailboxes.optional().meta({ description: "Copies that nobody sees." }),
  from: mailbox.optional().meta({ description: "The sender; POSTRIDER_MAIL_FROM when absent." }),
  replyTo: mailbox.optional().meta({ description: "Where answers go." }),
  subject: z.string({ error: EXPECTED.subject }).optional()
    .meta({ description: "One line.", examples: ["Build 42 is green"] }),
  title: z.string({ error: EXPECTED.subject }).optional()
    .meta({ description: "Another name for subject." }),
  text: text.optional().meta({ description: "The plain text.", examples: ["All tests pass."] }),
  html: text.optional().meta({ description: "The HTML." }),
  headers: z.record(z.string(), z.string({ error: EXPECTED.header }), { error: EXPECTED.headers })
    .optional().meta({
      description: "Further headers; none of those that the message itself is made of.",
      examples: [{ "X-Build": "42" }],
    }),
  attachments: z.array(
    z.strictObject({
      filename: z.string({ error: EXPECTED.filename }),
      content: z.string({ error: EXPECTED.content }).meta({ contentEncoding: "base64" }),
      contentType: z.string({ error: EXPECTED.contentType }).optional(),
      cid: z.string({ error: EXPECTED.cid }).optional()
        .meta({ description: "The HTML refers to it as cid:…; the file is then shown inline." }),
    }, {
      error: (issue) => issue.code === "invalid_type" ? EXPECTED.attachments : undefined,
    }),
    { error: EXPECTED.attachments },
  ).max(MOST_ATTACHMENTS, { error: EXPECTED.attachments }).optional()
    .meta({ description: "Files that travel with the mail." }),
  ...optionFields,
});

/** JSON Schema of one notification. */
export const notifySchema: Json = z.toJSONSchema(schema) as Json;

/** Reads the body of `POST /notify`: one notification, or `{"notifications":[…]}`. */
export function parseNotify(body: unknown): Parsed<Requests<NotifyRequest>> {
  if (!isMembers(body)) return { faults: [{ pointer: "", detail: "Expected a JSON object" }] };
  return Object.hasOwn(body, "notifications")
    ? parseEntries(body, { name: "notifications", alternatives: ALTERNATIVES, parse: parseOne })
    : parseSingle(body, parseOne);
}

function parseOne(members: Members): Parsed<NotifyRequest> {
  const checked = schema.safeParse(members);
  if (!checked.success) return { faults: faultsOf(checked.error) };
  const raw = checked.data;
  const faults: Fault[] = [];
  const wrong = (detail: string, ...path: (string | number)[]) => {
    faults.push({ pointer: pointerTo(path), detail });
  };
  const mailboxesOf = (name: "to" | "cc" | "bcc"): Mailbox[] => {
    const value = raw[name] ?? [];
    if (typeof value === "string") return mailboxOf(value, name);
    return value.flatMap((text, i) => mailboxOf(text, name, i));
  };
  const mailboxOf = (text: string, ...path: (string | number)[]): Mailbox[] => {
    const read = parseMailbox(text);
    if (!read) wrong(EXPECTED.mailbox, ...path);
    return read ? [read] : [];
  };
  const [to, cc, bcc] = [mailboxesOf("to"), mailboxesOf("cc"), mailboxesOf("bcc")];
  const [from] = raw.from === undefined ? [] : mailboxOf(raw.from, "from");
  const [replyTo] = raw.replyTo === undefined ? [] : mailboxOf(raw.replyTo, "replyTo");
  const asked = [raw.to, raw.cc, raw.bcc].flat().filter((text) => text !== undefined).length;
  if (asked === 0) wrong("Expected at least one recipient in to, cc or bcc", "to");
  if (asked > MOST_RECIPIENTS) {
    wrong(`Expected at most ${MOST_RECIPIENTS} recipients in to, cc and bcc, not ${asked}`, "to");
  }
  if (raw.subject !== undefined && raw.title !== undefined) {
    wrong("Expected either subject or title, not both", "title");
  }
  const subject = raw.subject ?? raw.title ?? "";
  if (!isLine(subject)) wrong(EXPECTED.subject, raw.subject === undefined ? "title" : "subject");
  if (subject === "" && raw.text === undefined && raw.html === undefined) {
    wrong("Expected a subject, a text or an html: there is nothing to send", "text");
  }
  checkHeaders(raw.headers ?? {}, wrong);
  raw.attachments?.forEach((attachment, i) => checkAttachment(attachment, i, wrong));
  const options = readOptions(raw, DEFAULTS, faults);
  if (faults.length > 0) return { faults };
  const mail = {
    ...(from ? { from } : {}),
    to,
    cc,
    bcc,
    ...(replyTo ? { replyTo } : {}),
    subject,
    ...(raw.text === undefined ? {} : { text: raw.text }),
    ...(raw.html === undefined ? {} : { html: raw.html }),
    headers: raw.headers ?? {},
    attachments: (raw.attachments ?? []) as Attachment[],
  };
  return { value: { options, mail } };
}

/** RFC 5322's field names, less the few characters that no header anywhere uses. */
const HEADER_NAME = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,76}$/;
/** What the message is made of, what relays add, and what they act upon. */
const RESERVED = new RegExp(
  "^(?:from|to|cc|bcc|subject|date|message-id|mime-version|content-.*|sender|reply-to|return-path" +
    "|received|received-spf|delivered-to|dkim-.*|domainkey-.*|arc-.*|authentication-results" +
    "|resent-.*)$",
  "i",
);

type Wrong = (detail: string, ...path: (string | number)[]) => void;

function checkHeaders(headers: Readonly<Record<string, string>>, wrong: Wrong): void {
  const names = Object.keys(headers);
  if (names.length > MOST_HEADERS) wrong(EXPECTED.headers, "headers");
  for (const name of names) {
    if (!HEADER_NAME.test(name)) wrong("Expected the name of a header", "headers", name);
    else if (RESERVED.test(name)) {
      wrong("The message itself has this header: use the fields of the request", "headers", name);
    }
    if (!isLine(headers[name] ?? "")) wrong(EXPECTED.header, "headers", name);
  }
}

function isLine(text: string): boolean {
  return isOneLine(text) && !isLongerThan(text, LINE_BYTES);
}

const MEDIA_TYPE =
  /^[\w!#$&^.+-]{1,127}\/[\w!#$&^.+-]{1,127}(?:; ?[\w-]{1,40}=[\w.+-]{1,80}){0,4}$/;
const CID = /^[\w.@+-]{1,200}$/;

function checkAttachment(
  { filename, content, contentType, cid }: {
    filename: string;
    content: string;
    contentType?: string | undefined;
    cid?: string | undefined;
  },
  index: number,
  wrong: Wrong,
): void {
  const at = ["attachments", index] as const;
  const isBare = /^[^/\\]+$/.test(filename) && !/^\.{1,2}$/.test(filename) && isOneLine(filename);
  if (!isBare || isLongerThan(filename, FILENAME_BYTES)) {
    wrong(EXPECTED.filename, ...at, "filename");
  }
  if (!isBase64(content)) wrong(EXPECTED.content, ...at, "content");
  if (contentType !== undefined && !MEDIA_TYPE.test(contentType)) {
    wrong(EXPECTED.contentType, ...at, "contentType");
  }
  if (cid !== undefined && !CID.test(cid)) wrong(EXPECTED.cid, ...at, "cid");
}
