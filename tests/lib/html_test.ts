import assert from "node:assert/strict";

import { escapeHtml } from "../../src/lib/html.ts";

Deno.test("escapeHtml() escapes what could end an attribute or begin an element", () => {
  assert.equal(
    escapeHtml(`<a b="c" d='e'>&amp;`),
    "&lt;a b=&quot;c&quot; d=&#39;e&#39;&gt;&amp;amp;",
  );
});
