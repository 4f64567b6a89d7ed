import assert from "node:assert/strict";
import { splitSelector } from "../../src/task/extract.ts";
import { payloadWith, pointersIn } from "./support/fetches.ts";

Deno.test("What is to be picked out is kept as it was said", () => {
  const extract = { lines: 3, words: true, json: { a: "/b", all: "" }, css: { l: "a@href" } };
  assert.deepEqual(payloadWith({ extract }).extract, extract);
});

const wrong: { extract: unknown; pointer: string }[] = [
  { extract: [], pointer: "/extract" },
  { extract: { xpath: "//a" }, pointer: "/extract/xpath" },
  { extract: { lines: 0 }, pointer: "/extract/lines" },
  { extract: { words: 1 }, pointer: "/extract/words" },
  { extract: { json: { a: "b" } }, pointer: "/extract/json/a" },
  { extract: { css: { a: "" } }, pointer: "/extract/css/a" },
  { extract: { css: { a: "p[" } }, pointer: "/extract/css/a" },
  { extract: { css: { a: "p:has(a)" } }, pointer: "/extract/css/a" },
  { extract: { css: { a: "h1:first" } }, pointer: "/extract/css/a" },
  { extract: { css: { a: "p:not(:eq(1))" } }, pointer: "/extract/css/a" },
  { extract: { css: { a: "p::text" } }, pointer: "/extract/css/a" },
  { extract: { css: { a: "p:nth-child(x)" } }, pointer: "/extract/css/a" },
  { extract: { css: { a: "p:not(:has(a))" } }, pointer: "/extract/css/a" },
  { extract: { css: { "": "p" } }, pointer: "/extract/css/" },
  { extract: { css: { a: "p".repeat(257) } }, pointer: "/extract/css/a" },
];

Deno.test.each(wrong)("$extract is refused at $pointer", ({ extract, pointer }) => {
  assert.deepEqual(pointersIn({ extract }), [pointer]);
});

Deno.test.each([
  { text: "h1", selector: "h1", attribute: undefined },
  { text: "a@href", selector: "a", attribute: "href" },
  { text: "a > b@data-x", selector: "a > b", attribute: "data-x" },
  { text: 'a[title="x@y"]', selector: 'a[title="x@y"]', attribute: undefined },
])("$text asks for $attribute of $selector", ({ text, selector, attribute }) => {
  assert.deepEqual(splitSelector(text), {
    selector,
    ...(attribute === undefined ? {} : { attribute }),
  });
});
