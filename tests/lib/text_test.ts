import assert from "node:assert/strict";

import {
  isCleanUrl,
  isLongerThan,
  isOneLine,
  isPlainLine,
  oneLine,
  replaceUnseen,
  wordsOnOneLine,
} from "../../src/lib/text.ts";

Deno.test.each([
  { text: "", line: true, plain: true },
  { text: "Grüße, 世界 👋", line: true, plain: true },
  { text: "a\tb", line: false, plain: false },
  { text: "a\u0085b", line: false, plain: false },
  { text: "a\u2028b", line: false, plain: false },
  { text: "a\ud800", line: false, plain: false },
  { text: "gpj.\u202eexe", line: false, plain: false },
  { text: "שלום\u200f \u2068Ada\u2069", line: true, plain: false },
  { text: "a\u200fb", line: true, plain: false },
])("%o is one line: $line, a plain line: $plain", ({ text, line, plain }) => {
  assert.equal(isOneLine(text), line);
  assert.equal(isPlainLine(text), plain);
});

Deno.test("oneLine() makes a blank of each run of controls, and keeps directions", () => {
  assert.equal(oneLine("a\r\n\tb\u2029c \u200fd\ud800"), "a b c \u200fd\ufffd");
});

Deno.test("replaceUnseen() replaces each control and each change of direction", () => {
  assert.equal(replaceUnseen("a\r\nb\u202ec\x1b[1m", "_"), "a__b_c_[1m");
});

Deno.test("a clean URL has no blank, control character or backslash", () => {
  assert.equal(isCleanUrl("https://example.org/ä?q=%20"), true);
  for (const letter of [" ", "\t", "\n", "\x7f", "\u0090", "\\", "\u2028"]) {
    assert.equal(isCleanUrl(`https://example.org/${letter}`), false);
  }
});

Deno.test("isLongerThan() counts bytes in UTF-8", () => {
  assert.equal(isLongerThan("äää", 6), false);
  assert.equal(isLongerThan("äää", 5), true);
  assert.equal(isLongerThan("aaa", 2), true);
});

Deno.test("the words of a text stand on one line, without controls or changes of direction", () => {
  assert.equal(wordsOnOneLine(" 550\r\n\tno\u202E  such\u0000user "), "550 no such user");
});
