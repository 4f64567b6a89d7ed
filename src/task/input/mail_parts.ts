/**
 * Checks the headers and files that a caller adds to a mail.
 *
 * @module
 */

import { isBase64 } from "../../lib/base64.ts";
import { pointerTo } from "../../lib/json.ts";
import { isLongerThan, isOneLine, isPlainLine } from "../../lib/text.ts";
import type { Issue } from "../issues.ts";
import type { NotifyPorts } from "../ports.ts";

/** The most files of one mail. */
export const MAX_ATTACHMENTS = 100;
/** The most further headers of one mail. */
export const MAX_HEADERS = 100;
/** RFC 5322 §2.1.1: a line is at most 998 characters. */
export const LINE_BYTES = 998;
const FILENAME_BYTES = 255;
const MAX_URL_BYTES = 900;
const URL_BYTES = 2_048;

/** What is expected of each. */
export const EXPECTED_PARTS = {
  headers: `Expected an object of at most ${MAX_HEADERS} headers`,
  header: `Expected one line of at most ${LINE_BYTES} bytes, as a text`,
  attachments: `Expected a list of at most ${MAX_ATTACHMENTS} attachments, each an object`,
  filename:
    `Expected a bare file name of 1 to ${FILENAME_BYTES} bytes, without a path and without ` +
    "characters that change the direction of text",
  content: "Expected the file's content in base64, padded and without line breaks",
  source: "Expected either content or url",
  url: `Expected an http:// or https:// URL of at most ${URL_BYTES} bytes`,
  contentType: `Expected a media type such as "application/pdf"`,
  dsn: "Expected true or false",
  unsubscribe: `Expected a URL such as "https://example.org/unsubscribe" or "mailto:u@example.org"`,
  cid: `Expected 1 to 200 letters, digits or any of "._@+-"`,
};

/** Field names of RFC 5322, without a few characters that no header uses. */
const HEADER_NAME = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,76}$/;
/** Headers of the message itself, and those that relays add or act upon. */
const RESERVED = new RegExp(
  "^(?:from|to|cc|bcc|subject|date|message-id|mime-version|content-.*|sender|reply-to|return-path" +
    "|received|received-spf|delivered-to|dkim-.*|domainkey-.*|arc-.*|authentication-results" +
    "|resent-.*)$",
  "i",
);

/** Reports an issue. */
export type PartProblem = (detail: string, ...path: (string | number)[]) => void;

/** Checks further headers: none may be one of the message itself. */
export function checkHeaders(headers: Readonly<Record<string, string>>, wrong: PartProblem): void {
  const names = Object.keys(headers);
  if (names.length > MAX_HEADERS) wrong(EXPECTED_PARTS.headers, "headers");
  for (const name of names) {
    if (!HEADER_NAME.test(name)) wrong("Expected the name of a header", "headers", name);
    else if (RESERVED.test(name)) {
      wrong("The message itself has this header: use the fields of the request", "headers", name);
    }
    const value = headers[name] ?? "";
    // The name and a colon are part of the line.
    if (!isLine(value) || isLongerThan(`${name}: ${value}`, LINE_BYTES)) {
      wrong(EXPECTED_PARTS.header, "headers", name);
    }
  }
}

/** Reads `unsubscribe`; one that is wrong is `undefined`. */
export function readUnsubscribe(text: string, wrong: PartProblem): string | undefined {
  const url = URL.parse(text);
  const isFit = url !== null && /^(?:https?|mailto):$/.test(url.protocol) &&
    url.username === "" && url.password === "" && isOneLine(text) && !/[<>\s]/.test(text) &&
    !isLongerThan(url.href, MAX_URL_BYTES) &&
    (url.protocol !== "mailto:" || /^[^@]+@[^@]+$/.test(url.pathname));
  if (isFit) return url.href;
  return void wrong(EXPECTED_PARTS.unsubscribe, "unsubscribe");
}

/** Whether a text is one line that a header can hold. */
export function isLine(text: string): boolean {
  return isOneLine(text) && !isLongerThan(text, LINE_BYTES);
}

/** RFC 2045 §5.1; a multipart type would promise parts that a file has not. */
const MEDIA_TYPE =
  /^(?!multipart\/)[\w!#$&^.+-]{1,127}\/[\w!#$&^.+-]{1,127}(?: ?; ?[\w-]{1,40}=(?:[\w.+-]{1,80}|"[\w .+:/-]{1,80}")){0,4}$/i;
/** They turn the order of reading: "invoice\u202efdp.exe" looks like a PDF. */
const TURNED = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/;
const CID = /^[\w.@+-]{1,200}$/;

/** Checks the file at `index`. */
export function checkAttachment(
  { filename, content, url, contentType, cid }: {
    filename: string;
    content?: string | undefined;
    url?: string | undefined;
    contentType?: string | undefined;
    cid?: string | undefined;
  },
  index: number,
  wrong: PartProblem,
): void {
  const at = ["attachments", index] as const;
  const isBare = !TURNED.test(filename) && /^[^/\\]+$/.test(filename) &&
    !/^\.{1,2}$/.test(filename) && isPlainLine(filename);
  if (!isBare || isLongerThan(filename, FILENAME_BYTES)) {
    wrong(EXPECTED_PARTS.filename, ...at, "filename");
  }
  if ((content === undefined) === (url === undefined)) {
    wrong(EXPECTED_PARTS.source, ...at, "content");
  }
  if (content !== undefined && !isBase64(content)) wrong(EXPECTED_PARTS.content, ...at, "content");
  if (contentType !== undefined && !MEDIA_TYPE.test(contentType)) {
    wrong(EXPECTED_PARTS.contentType, ...at, "contentType");
  }
  if (cid !== undefined && !CID.test(cid)) wrong(EXPECTED_PARTS.cid, ...at, "cid");
}

/** Checks the URLs of files, and counts them. */
export function checkAttachmentUrls(
  attachments: readonly { readonly url?: string | undefined }[] | undefined,
  ports: Pick<NotifyPorts, "refuseUrl">,
  issues: Issue[],
): number {
  let count = 0;
  for (const [index, { url: text }] of (attachments ?? []).entries()) {
    if (text === undefined) continue;
    count++;
    const pointer = pointerTo(["attachments", index, "url"]);
    const url = URL.parse(text);
    const isFit = url && /^https?:$/.test(url.protocol) && url.username === "" &&
      url.password === "" && !isLongerThan(text, URL_BYTES);
    if (!isFit) issues.push({ pointer, detail: EXPECTED_PARTS.url });
    const refused = isFit ? ports.refuseUrl(url) : undefined;
    if (refused) issues.push({ pointer, detail: refused.detail, code: "address_refused" });
  }
  return count;
}
