/**
 * Detects which bodies are text and in which charset, and decodes them.
 *
 * @module
 */

import { isUtf8 } from "node:buffer";
import sniff from "html-encoding-sniffer";
import { compact } from "../../lib/compact.ts";

const TEXTUAL =
  /^(?:text\/.*|application\/(?:.*\+)?(?:json|xml|yaml)|application\/(?:json-seq|x-ndjson|ndjson|jsonl|javascript|ecmascript|x-javascript|x-yaml|toml|sql|graphql|x-www-form-urlencoded|xhtml\+xml|problem\+json)|image\/svg\+xml|message\/.*)$/;

/** The HTML standard looks for a declared charset in this many bytes. */
export const SNIFFED_BYTES = 1_024;

/**
 * The beginning of a body as text, when the body is text: by its `Content-Type`, or,
 * without one, because it is valid UTF-8 without NUL. With `truncated`, an incomplete
 * last character is left out.
 */
export function textOf(
  beginning: Uint8Array,
  contentType: string | undefined,
  truncated: boolean,
): string | undefined {
  const type = typeOf(contentType);
  if (type) {
    if (!TEXTUAL.test(type)) return undefined;
    const charset = charsetOf(beginning, contentType);
    // To make a decoder takes longer than to decode a short text.
    if (charset === "UTF-8" && !truncated) return UTF_8.decode(beginning);
    return new TextDecoder(charset).decode(beginning, { stream: truncated });
  }
  if (beginning.includes(0)) return undefined;
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(beginning, { stream: truncated });
  } catch {
    return undefined;
  }
}

/**
 * A decoder for a body: by its byte order mark, then by the charset of `Content-Type`,
 * then by the declaration within the page; else UTF-8 when the beginning is valid UTF-8,
 * and windows-1252 when not.
 */
export function decoderFor(beginning: Uint8Array, contentType: string | undefined): TextDecoder {
  return new TextDecoder(charsetOf(beginning, contentType));
}

/** For whole texts: it keeps nothing from one to the next. */
const UTF_8 = new TextDecoder();

function charsetOf(beginning: Uint8Array, contentType: string | undefined): string {
  const type = typeOf(contentType);
  const [, declared] = /;\s*charset\s*=\s*"?([^";\s]+)/i.exec(contentType ?? "") ?? [];
  const isJson = /[/+]json$/.test(type);
  const fallback = isJson || beginsAsUtf8(beginning) ? "UTF-8" : "windows-1252";
  const mayDeclare = type === "" || /html|xml/.test(type);
  const charset = sniff(mayDeclare ? beginning : beginning.subarray(0, MARK_BYTES), {
    xml: /xml$/.test(type) && !type.includes("html"),
    defaultEncoding: fallback,
    ...compact({ transportLayerEncodingLabel: declared }),
  });
  return charset === fallback || isDecodable(charset) ? charset : fallback;
}

/** The longest byte order mark. */
const MARK_BYTES = 3;

function typeOf(contentType: string | undefined): string {
  return (contentType ?? "").split(";", 1)[0]?.trim().toLowerCase() ?? "";
}

/** Whether the bytes are UTF-8; the last character may be incomplete. */
function beginsAsUtf8(beginning: Uint8Array): boolean {
  if (isUtf8(beginning)) return true;
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(beginning, { stream: true });
    return true;
  } catch {
    return false;
  }
}

/** Not `replacement`, by which the standard names charsets that are not safe to decode. */
function isDecodable(charset: string): boolean {
  try {
    new TextDecoder(charset);
    return true;
  } catch {
    return false;
  }
}
