/**
 * Payloads: what is to be sent, as a task keeps it and its channel reads it.
 *
 * Defaults are filled in when the task is accepted, so that a later change of
 * settings does not change it.
 *
 * @module
 */

import type { Expectation } from "./expect.ts";
import type { Extraction } from "./extract.ts";

/** One mail address, validated: neither part holds a control character. */
export interface Mailbox {
  /** The display name. */
  readonly name?: string;
  /** RFC 5321 `local@domain`; the domain in ASCII. */
  readonly address: string;
}

/** A file that travels with a mail. */
export interface Attachment {
  /** A bare file name, without path. */
  readonly filename: string;
  /** Base64; empty until a file with a `url` has been fetched. */
  readonly content: string;
  /** Where each attempt fetches the file. */
  readonly url?: string;
  /** A MIME type; guessed from the name when absent. */
  readonly contentType?: string;
  /** The Content-ID by which the HTML refers to it; it is then shown inline. */
  readonly cid?: string;
}

/** How serious a notification is. */
export type Severity = "info" | "success" | "warning" | "failure";

/** A mail, for the channel `email`. */
export interface EmailPayload {
  /** The `From`, and the envelope's sender. */
  readonly from: Mailbox;
  /** At least one recipient over `to`, `cc` and `bcc`. */
  readonly to: readonly Mailbox[];
  /** Further recipients, named in the mail. */
  readonly cc: readonly Mailbox[];
  /** Copies in the envelope only. */
  readonly bcc: readonly Mailbox[];
  /** Where replies go. */
  readonly replyTo?: Mailbox;
  /** One line. */
  readonly subject: string;
  /** The plain text part. */
  readonly text?: string;
  /** The HTML part. */
  readonly html?: string;
  /** Becomes the HTML part, and is the plain text where there is none. */
  readonly markdown?: string;
  /** A failure is marked as important. */
  readonly severity?: Severity;
  /** Where a recipient unsubscribes: an `https:` URL, by one click, or a `mailto:` URL. */
  readonly unsubscribe?: string;
  /** The sender of the envelope, where bounces go; `from` when absent. */
  readonly bounce?: Mailbox;
  /** Asks for delivery reports, where the relay offers them. */
  readonly dsn?: true;
  /** Further headers; none of those that the message itself is made of. */
  readonly headers: Readonly<Record<string, string>>;
  /** Files. */
  readonly attachments: readonly Attachment[];
  /** The most members of a digest that one attempt delivers. */
  readonly digestMax?: number;
  /** The other members of a digest that this attempt delivers; never stored. */
  readonly gathered?: readonly EmailPayload[];
}

/** A note, for the channel of a chat service. */
export interface ChatPayload {
  /** The URL of one place at one service; holds secrets. */
  readonly target: string;
  /** The same as it may be shown. */
  readonly shown: string;
  /** One line; may be empty. */
  readonly title: string;
  /** Plain text. */
  readonly text?: string;
  /** The same in markdown, for services that can show it. */
  readonly markdown?: string;
  /** The same in HTML, for services that can show nothing else of it. */
  readonly html?: string;
  /** `info` when absent. */
  readonly severity?: Severity;
  /** Files; most services only get their names. */
  readonly attachments: readonly Attachment[];
  /** The most members of a digest that one attempt delivers. */
  readonly digestMax?: number;
  /** The other members of a digest that this attempt delivers; never stored. */
  readonly gathered?: readonly ChatPayload[];
}

/** An HTTP request, for the channel `http`. */
export interface FetchPayload {
  /** Absolute, `http:` or `https:`, as the URL standard writes it. */
  readonly url: string;
  /** Upper case. */
  readonly method: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** The body as text. */
  readonly body?: string;
  /** The body in base64, when it is not text. */
  readonly bodyBase64?: string;
  /** How many redirects are followed; with 0 a 3xx is the answer. */
  readonly redirects: number;
  /** The most decoded bytes of the answer that are read. */
  readonly maxBytes: number;
  /** Save the body as a file: under this name, or one that is found on the way. */
  readonly save?: true | string;
  /** The spelling of header names where it is not lower case, by the name in lower case. */
  readonly headerNames?: Readonly<Record<string, string>>;
  /** Asks only for a response that has changed since the last one to this owner. */
  readonly ifChanged?: { readonly owner?: string };
  /** What the answer must be. */
  readonly expect?: Expectation;
  /** What to pick out of the body. */
  readonly extract?: Extraction;
}

/** What any channel may be given. */
export type Payload = ChatPayload | EmailPayload | FetchPayload;
