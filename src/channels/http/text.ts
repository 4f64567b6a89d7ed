/**
 * Detects which bodies are text and in which charset, and decodes them.
 *
 * @module
 */

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
  const [, declared] = /;\s*charset\s*=\s*"?([^";\s]+)/i.exec(contentType ?? "") ?? [];
  for (const charset of [markOf(beginning), declared, declaredWithin(beginning, contentType)]) {
    const decoder = charset === undefined ? undefined : decoderOf(charset);
    if (decoder) return decoder;
  }
  const isJson = /[/+]json$/.test(typeOf(contentType));
  return new TextDecoder(isJson || isUtf8(beginning) ? "utf-8" : "windows-1252");
}

function typeOf(contentType: string | undefined): string {
  return (contentType ?? "").split(";", 1)[0]?.trim().toLowerCase() ?? "";
}

function markOf([a, b, c]: Uint8Array): string | undefined {
  if (a === 0xef && b === 0xbb && c === 0xbf) return "utf-8";
  if (a === 0xff && b === 0xfe) return "utf-16le";
  return a === 0xfe && b === 0xff ? "utf-16be" : undefined;
}

/** `<meta charset=…>` in its two spellings, or XML's declaration. */
const DECLARATION =
  /<meta[^>]{0,200}?charset\s*=\s*["']?([\w:.-]+)|^<\?xml[^>]{0,200}?encoding\s*=\s*["']([\w:.-]+)/i;

function declaredWithin(
  beginning: Uint8Array,
  contentType: string | undefined,
): string | undefined {
  const type = typeOf(contentType);
  if (type !== "" && !/html|xml/.test(type)) return undefined;
  const head = new TextDecoder("latin1").decode(beginning.subarray(0, SNIFFED_BYTES));
  const [, meta, xml] = DECLARATION.exec(head) ?? [];
  const charset = (meta ?? xml)?.toLowerCase();
  // A declaration that can be read as ASCII is not encoded in UTF-16.
  return charset?.startsWith("utf-16") ? "utf-8" : charset;
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
