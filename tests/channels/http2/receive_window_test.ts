import assert from "node:assert/strict";
import { Http2Fault } from "../../../src/channels/http2/fault.ts";
import { ReceiveWindow } from "../../../src/channels/http2/receive_window.ts";

Deno.test("A window is refilled once half of it is used", () => {
  const window = new ReceiveWindow(100);
  window.take(49);
  assert.equal(window.refill(), 0);
  window.take(11);
  assert.equal(window.refill(), 60);
  window.take(100);
  assert.equal(window.refill(), 100);
});

Deno.test("A window refuses more than it allowed", () => {
  const window = new ReceiveWindow(100);
  window.take(100);
  assert.throws(() => window.take(1), Http2Fault);
});
