import assert from "node:assert/strict";
import fc from "fast-check";

import { timeView } from "../../../src/http/views/time_view.ts";

Deno.test("timeView() writes every time as toISOString() does, whatever it has written before", () => {
  const near = fc.integer({ min: -200, max: 200 }).map((ms) => Date.UTC(2026, 10, 20) + ms);
  const any = fc.integer({ min: -8.64e15, max: 8.64e15 });
  fc.assert(fc.property(fc.array(fc.oneof(near, any), { maxLength: 300 }), (times) => {
    for (const at of times) assert.equal(timeView(at), new Date(at).toISOString());
  }));
  assert.equal(timeView(undefined), undefined);
});
