/**
 * Parses `POST /notify` into mails and notes.
 *
 * @module
 */

import { compact } from "../../lib/compact.ts";
import { z } from "zod";
import {
  collectAllErrors,
  isPlainObject,
  parseEntries,
  parseSingle,
  type PlainObject,
  type Requests,
} from "./batch_input.ts";
import { digestFields, type DigestOptions, readDigest } from "./digest.ts";
import { type Issue, issuesOf, type Parsed } from "../issues.ts";
import { pointerTo } from "../../lib/json.ts";
import { runAtOnce, type Steps } from "../../lib/steps.ts";
import {
  checkAttachment,
  checkAttachmentUrls,
  checkHeaders,
  EXPECTED_PARTS,
  readUnsubscribe,
} from "./mail_parts.ts";
import { MAX_ATTACHMENTS } from "./mail_parts.ts";
import { parseMailbox } from "./mailbox.ts";
import { parserOfGiven } from "./given_fields.ts";
import { contentFields, contentOf } from "./notify_content.ts";
import { OPTION_ALTERNATIVES, optionFields, readOptions, type SubmitOptions } from "./options.ts";
import type { Attachment, ChatPayload, EmailPayload, Mailbox } from "../payloads.ts";
import type { NotifyPorts, ReadTarget } from "../ports.ts";
import { quietFields, type QuietHours, readQuiet } from "./quiet_hours.ts";
import { DEFAULT_RETRIES } from "../retry.ts";
import { EXPECTED_MAILBOX, MAX_WAYS, readTargets, readWays, type Targets } from "./targets.ts";
import type { Json } from "../task.ts";

/** What is sent: at most one mail, and a note for each other target. */
export interface NotifyContent {
  /** The mail, when there are addresses; its sender may be a default. */
  readonly mail?: Omit<EmailPayload, "from"> & { readonly from?: Mailbox };
  /** The notes. */
  readonly notes: readonly DraftedNote[];
}

/** One parsed notification. */
export interface ParsedNotify extends NotifyContent {
  /** Its options. */
  readonly options: SubmitOptions;
  /** Hours in which no first attempt begins. */
  readonly quiet?: QuietHours;
  /** Set for a member of a digest. */
  readonly digest?: DigestOptions;
  /** The caller chose a host to call. */
  readonly anyHost?: true;
  /** What is sent when it has failed, one after another. */
  readonly fallback?: readonly NotifyContent[];
}

/** A note and its channel. */
export interface DraftedNote extends Pick<ReadTarget, "channel" | "lane"> {
  /** Its content and target. */
  readonly payload: ChatPayload;
}

const DEFAULTS = { retry: DEFAULT_RETRIES.mail, timeoutMs: 60_000 };
/** Fields of which a request takes only one. */
export const NOTIFY_ALTERNATIVES = [...OPTION_ALTERNATIVES, ["subject", "title"]];
const MAX_RECIPIENTS = 1_000;
const NO_MAILBOXES: readonly Mailbox[] = [];

const EXPECTED = {
  mailboxes: "Expected a mail address, or a list of them",
  fallback: `Expected one target, or a list of at most ${MAX_WAYS}`,
  targets: `Expected a mail address, the URL of a channel or an "@alias", or a list of them`,
};

const mailbox = z.string({ error: EXPECTED_MAILBOX });
const mailboxes = z.union([mailbox, z.array(mailbox).min(1, { error: EXPECTED.mailboxes })], {
  error: EXPECTED.mailboxes,
});
const target = z.string({ error: EXPECTED.targets });

/** The fields of a notification. */
export const notifyFields = {
  to: z.union([target, z.array(target).min(1, { error: EXPECTED.targets })], {
    error: EXPECTED.targets,
  }).optional().meta({
    description: "Mail addresses, URLs of channels (slack://…), aliases (@oncall): one or many. " +
      `All addresses are one mail of at most ${MAX_RECIPIENTS} recipients; each other is a ` +
      "task of its own.",
    examples: ["Ada <ada@example.org>"],
  }),
  cc: mailboxes.optional().meta({ description: "Further recipients, named in the mail." }),
  bcc: mailboxes.optional().meta({ description: "Copies that other recipients do not see." }),
  from: mailbox.optional().meta({ description: "The sender; POSTRIDER_MAIL_FROM when absent." }),
  replyTo: mailbox.optional().meta({ description: "Where replies go." }),
  bounce: mailbox.optional().meta({
    description: "Where bounces of a mail go: the sender of the envelope. From, when absent.",
  }),
  dsn: z.boolean({ error: EXPECTED_PARTS.dsn }).optional().meta({
    description: "Asks for delivery reports of a mail, where the relay offers them; the result " +
      "says whether it does. They go to the bounce address.",
  }),
  unsubscribe: z.string({ error: EXPECTED_PARTS.unsubscribe }).optional().meta({
    description: "Where a recipient unsubscribes: a URL (https: for one click) or a mailto: URL. " +
      "Becomes List-Unsubscribe.",
    examples: ["https://example.org/unsubscribe?u=42"],
  }),
  ...contentFields,
  headers: z.record(z.string(), z.string({ error: EXPECTED_PARTS.header }), {
    error: EXPECTED_PARTS.headers,
  }).optional().meta({
    description: "Further headers of a mail; none of those that the message itself is made of.",
    examples: [{ "X-Build": "42" }],
  }),
  attachments: z.array(
    z.strictObject({
      filename: z.string({ error: EXPECTED_PARTS.filename }),
      content: z.string({ error: EXPECTED_PARTS.content }).optional()
        .meta({ description: "The file in base64.", contentEncoding: "base64" }),
      url: z.string({ error: EXPECTED_PARTS.url }).optional()
        .meta({ description: "Or where each attempt fetches it; takes the scope fetch." }),
      contentType: z.string({ error: EXPECTED_PARTS.contentType }).optional(),
      cid: z.string({ error: EXPECTED_PARTS.cid }).optional()
        .meta({ description: "Shown inline where the HTML says cid:…" }),
    }, {
      error: ({ code }) => code === "invalid_type" ? EXPECTED_PARTS.attachments : undefined,
    }),
    { error: EXPECTED_PARTS.attachments },
  ).max(MAX_ATTACHMENTS, { error: EXPECTED_PARTS.attachments }).optional()
    .meta({ description: "Files: each with its content in base64, or with a URL." }),
  fallback: z.union([
    target,
    z.array(target).min(1, { error: EXPECTED.fallback })
      .max(MAX_WAYS, { error: EXPECTED.fallback }),
  ], { error: EXPECTED.fallback })
    .optional().meta({
      description: "Where it goes instead once it has failed for good, one after another; each " +
        "is a task of its own. Set a short retry as well: mail is retried for a day by default.",
      examples: [["ntfys://ntfy.example.org/oncall", "ada@example.org"]],
    }),
  ...quietFields,
  ...digestFields,
  ...optionFields,
};

const schema = z.strictObject(notifyFields, { error: "Expected a JSON object" });
const parseGiven = parserOfGiven(schema);

/** One notification as JSON Schema, for the OpenAPI document. */
export const notifySchema = z.toJSONSchema(schema, {
  io: "input",
  unrepresentable: "any",
}) as Record<string, Json>;

/** Data without its template has no use, and a template without its data cannot be rendered. */
const DEPENDENTS = new Map([["template", ["data"]], ["data", ["template"]]]);

/** Parses the body of `POST /notify`: one notification, or `{"notifications":[…]}`. */
export function* notifySteps(
  body: unknown,
  ports: NotifyPorts,
): Steps<Parsed<Requests<ParsedNotify>>> {
  if (!isPlainObject(body) || !Object.hasOwn(body, "notifications")) return single(body, ports);
  return yield* parseEntries(body, {
    name: "notifications",
    alternatives: NOTIFY_ALTERNATIVES,
    parse: parserOf(ports),
    costOf,
  });
}

/** The same at once. */
export function parseNotify(body: unknown, ports: NotifyPorts): Parsed<Requests<ParsedNotify>> {
  return isPlainObject(body) && Object.hasOwn(body, "notifications")
    ? runAtOnce(notifySteps(body, ports))
    : single(body, ports);
}

function single(body: unknown, ports: NotifyPorts): Parsed<Requests<ParsedNotify>> {
  return isPlainObject(body)
    ? parseSingle(body, parserOf(ports))
    : { issues: [{ pointer: "", detail: "Expected a JSON object" }] };
}

function parserOf(ports: NotifyPorts): (members: PlainObject) => Parsed<ParsedNotify> {
  return collectAllErrors((members) => parseOne(members, ports), { dependents: DEPENDENTS });
}

/** About 50 µs, 5 µs for each recipient, and what 10 characters of content cost when rendered. */
function costOf({ mail, notes }: ParsedNotify): number {
  const { to, cc, bcc, text = "", html = "" } = mail ?? { to: [], cc: [], bcc: [] };
  const recipients = to.length + cc.length + bcc.length + notes.length;
  return 50 + 5 * recipients + (text.length + html.length) / 10;
}

function countOf(value: string | readonly string[] | undefined): number {
  return value === undefined ? 0 : typeof value === "string" ? 1 : value.length;
}

function tooMany(count: number): string {
  return `Expected at most ${MAX_RECIPIENTS} recipients in to, cc and bcc, not ${count}`;
}

function parseOne(members: PlainObject, ports: NotifyPorts): Parsed<ParsedNotify> {
  const checked = parseGiven(members);
  if (!checked.success) return { issues: issuesOf(checked.error) };
  const raw = checked.data;
  const asked = countOf(raw.to) + countOf(raw.cc) + countOf(raw.bcc);
  // Not parsed at all: a body can hold enough of them to delay other callers.
  if (asked > MAX_RECIPIENTS) return { issues: [{ pointer: "/to", detail: tooMany(asked) }] };
  const issues: Issue[] = [];
  const wrong = (detail: string, ...path: (string | number)[]) => {
    issues.push({ pointer: pointerTo(path), detail });
  };
  const mailboxesOf = (name: "cc" | "bcc"): readonly Mailbox[] => {
    const value = raw[name];
    if (typeof value === "object") {
      return value.flatMap((text, i) => mailboxOf(text, name, i) ?? []);
    }
    const read = mailboxOf(value, name);
    return read ? [read] : NO_MAILBOXES;
  };
  const mailboxOf = (text: string | undefined, ...path: (string | number)[]) => {
    const read = text === undefined ? undefined : parseMailbox(text);
    if (!read && text !== undefined) wrong(EXPECTED_MAILBOX, ...path);
    return read;
  };
  const to = readTargets(raw.to ?? [], "to", ports, issues);
  const ways = raw.fallback === undefined ? [] : readWays(raw.fallback, ports, issues);
  const cc = mailboxesOf("cc");
  const bcc = mailboxesOf("bcc");
  const from = mailboxOf(raw.from, "from");
  const replyTo = mailboxOf(raw.replyTo, "replyTo");
  const bounce = mailboxOf(raw.bounce, "bounce");
  const unsubscribe = raw.unsubscribe === undefined
    ? undefined
    : readUnsubscribe(raw.unsubscribe, wrong);
  if (asked === 0) wrong("Expected at least one recipient in to, cc or bcc", "to");
  const recipients = to.mailboxes.length + cc.length + bcc.length;
  if (recipients > MAX_RECIPIENTS) wrong(tooMany(recipients), "to");
  const said = contentOf(raw, ports, issues);
  if (raw.headers) checkHeaders(raw.headers, wrong);
  raw.attachments?.forEach((attachment, i) => checkAttachment(attachment, i, wrong));
  const urls = checkAttachmentUrls(raw.attachments, ports, issues);
  const options = readOptions(raw, DEFAULTS, issues);
  const quiet = raw.quiet && readQuiet(raw.quiet, issues);
  const digest = raw.digest && readDigest(raw.digest, issues);
  if (digest && raw.key !== undefined) {
    wrong("Not together with digest: its members are sent together", "key");
  }
  if (digest && urls > 0) wrong("Not together with attachments by URL", "digest");
  if (issues.length > 0 || !said) return { issues };
  const dsn = raw.dsn ? true as const : undefined;
  const isPlain = !replyTo && !bounce && unsubscribe === undefined && !dsn;
  const { subject, ...content } = said;
  const attachments = (raw.attachments ?? []).map(({ content = "", ...file }) =>
    ({ ...file, content }) as Attachment
  );
  const common = {
    ...content,
    ...(raw.severity === undefined ? undefined : { severity: raw.severity }),
    attachments,
  };
  const contentFor = (
    { mailboxes, places }: Targets,
    copies = { cc: NO_MAILBOXES, bcc: NO_MAILBOXES },
  ) => {
    const isMail = mailboxes.length + copies.cc.length + copies.bcc.length > 0;
    const mail = {
      ...(from && { from }),
      to: mailboxes,
      ...copies,
      ...(isPlain ? undefined : compact({ replyTo, bounce, unsubscribe, dsn })),
      subject,
      ...common,
      headers: raw.headers ?? {},
    };
    const notes = places.map(({ channel, lane, target, shown }) => ({
      channel,
      lane,
      payload: { target, shown, title: subject, ...common },
    }));
    return { ...(isMail ? { mail } : {}), notes };
  };
  return {
    value: {
      options,
      ...(quiet ? { quiet } : {}),
      ...(digest ? { digest } : {}),
      ...(to.anyHost || urls > 0 || ways.some(({ anyHost }) => anyHost)
        ? { anyHost: true as const }
        : {}),
      ...(ways.length > 0 ? { fallback: ways.map((way) => contentFor(way)) } : {}),
      ...contentFor(to, { cc, bcc }),
    },
  };
}
