/**
 * Detects which bodies are text and in which charset, and decodes them.
 *
 * @module
 */

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
    return decoderFor(beginning, contentType).decode(beginning, { stream: truncated });
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
  const type = typeOf(contentType);
  const [, declared] = /;\s*charset\s*=\s*"?([^";\s]+)/i.exec(contentType ?? "") ?? [];
  const isJson = /[/+]json$/.test(type);
  const fallback = isJson || isUtf8(beginning) ? "UTF-8" : "windows-1252";
  const mayDeclare = type === "" || /html|xml/.test(type);
  const charset = sniff(mayDeclare ? beginning : beginning.subarray(0, MARK_BYTES), {
    xml: /xml$/.test(type) && !type.includes("html"),
    defaultEncoding: fallback,
    ...compact({ transportLayerEncodingLabel: declared }),
  });
  return decoderOf(charset) ?? new TextDecoder(fallback);
}

/** The longest byte order mark. */
const MARK_BYTES = 3;

function typeOf(contentType: string | undefined): string {
  return (contentType ?? "").split(";", 1)[0]?.trim().toLowerCase() ?? "";
}

function isUtf8(beginning: Uint8Array): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(beginning, { stream: true });
    return true;
  } catch {
    return false;
  }
}

function decoderOf(charset: string): TextDecoder | undefined {
  try {
    return new TextDecoder(charset);
  } catch {
    return undefined;
  }
}
