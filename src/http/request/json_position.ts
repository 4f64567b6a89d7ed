/**
 * The position of a JSON syntax error.
 *
 * `JSON.parse` reports the position only in its message, and not always; this
 * scans the refused text again.
 *
 * @module
 */

const SPACE = /[ \t\n\r]*/y;
const SCALAR =
  // deno-lint-ignore no-control-regex -- RFC 8259 §7 refuses bare control characters
  /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;

/** Index of the first invalid character; the length of the text when it ends too early. */
export function faultPosition(text: string): number {
  const open: string[] = [];
  /** What may come next. */
  let expected: "value" | "value or ]" | "name" | "name or }" | "after" = "value";
  let at = skip(SPACE, text, 0);
  while (at < text.length) {
    const letter = text[at] as string;
    if (expected === "after") {
      const closes = open.at(-1) === "{" ? "}" : "]";
      if (open.length === 0 || (letter !== "," && letter !== closes)) return at;
      if (letter === closes) open.pop();
      else expected = closes === "}" ? "name" : "value";
      at++;
    } else if (
      letter === "}" && expected === "name or }" || letter === "]" && expected === "value or ]"
    ) {
      open.pop();
      expected = "after";
      at++;
    } else if (expected.startsWith("name")) {
      const end = letter === '"' ? skip(SCALAR, text, at) : at;
      if (end === at) return at;
      at = skip(SPACE, text, end);
      if (text[at] !== ":") return at;
      expected = "value";
      at++;
    } else if (letter === "{" || letter === "[") {
      open.push(letter);
      expected = letter === "{" ? "name or }" : "value or ]";
      at++;
    } else {
      const end = skip(SCALAR, text, at);
      if (end === at) return at;
      expected = "after";
      at = end;
    }
    at = skip(SPACE, text, at);
  }
  return text.length;
}

/** The index after the match of `pattern` at `at`; `at` without a match. */
function skip(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : at;
}
