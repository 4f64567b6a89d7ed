import assert from "node:assert/strict";
import { noTraces, openTraces, traceIdOf } from "../../src/lib/traces.ts";

const PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

Deno.test("without a recorder a caller's traceparent is handed on as it came", () => {
  for (const traces of [noTraces, openTraces("1.2.3")]) {
    const span = traces.begin("attempt", { parent: PARENT, kind: "client" });
    assert.equal(span.traceparent, PARENT);
    span.end();
    assert.equal(traces.begin("attempt", { kind: "client" }).traceparent, undefined);
  }
});

Deno.test("a trace's id is the second part of its traceparent", () => {
  assert.equal(traceIdOf(PARENT), "0af7651916cd43dd8448eb211c80319c");
  assert.equal(traceIdOf(undefined), undefined);
});
