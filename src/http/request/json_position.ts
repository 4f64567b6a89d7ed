/**
 * Where a text stops being JSON.
 *
 * `JSON.parse` tells the position only in words, and not always; this reads
 * once more what it has refused.
 *
 * @module
 */

const SPACE = /[ \t\n\r]*/y;
const SCALAR =
  // deno-lint-ignore no-control-regex -- RFC 8259 §7 refuses bare control characters
  /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;

/** Index of the first character that cannot stand where it stands; the length when the text breaks off. */
export function faultPosition(text: string): number {
  const open: string[] = [];
  /** What may come next: a value, a name, what follows a value. */
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

/** The index after what `pattern` matches at `at`; `at` itself when it does not. */
function skip(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : at;
}
