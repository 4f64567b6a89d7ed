/**
 * Which bodies are text, and what they say.
 *
 * @module
 */

const TEXTUAL =
  /^(?:text\/.*|application\/(?:.*\+)?(?:json|xml|yaml)|application\/(?:json-seq|x-ndjson|ndjson|jsonl|javascript|ecmascript|x-javascript|x-yaml|toml|sql|graphql|x-www-form-urlencoded|xhtml\+xml|problem\+json)|image\/svg\+xml|message\/.*)$/;

/**
 * A body's beginning as text, when it is text: by its `Content-Type`, or,
 * when it has none, because it is UTF-8 without NUL. A character that
 * `truncated` cut in two is left out.
 */
export function textOf(
  beginning: Uint8Array,
  contentType: string | undefined,
  truncated: boolean,
): string | undefined {
  const [, type, rest] = /^\s*([^;\s]*)\s*(.*)$/s.exec((contentType ?? "").toLowerCase()) ?? [];
  if (type) {
    if (!TEXTUAL.test(type)) return undefined;
    const [, charset] = /;\s*charset\s*=\s*"?([^";\s]+)/.exec(rest ?? "") ?? [];
    return decoderOf(charset ?? "utf-8").decode(beginning, { stream: truncated });
  }
  if (beginning.includes(0)) return undefined;
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(beginning, { stream: truncated });
  } catch {
    return undefined;
  }
}

function decoderOf(charset: string): TextDecoder {
  try {
    return new TextDecoder(charset);
  } catch {
    return new TextDecoder();
  }
}
