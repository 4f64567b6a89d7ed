import assert from "node:assert/strict";

import { compact } from "../../src/lib/compact.ts";

Deno.test("compact() leaves out what is undefined, and keeps every other value and the order", () => {
  const gone: string | undefined = undefined;
  const made = compact({ one: 1, gone, none: null, empty: "", no: false, zero: 0 });
  assert.equal(JSON.stringify(made), '{"one":1,"none":null,"empty":"","no":false,"zero":0}');
  assert.equal(Object.hasOwn(made, "gone"), false);
});
