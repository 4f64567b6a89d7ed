import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { Http2Fault } from "../../../src/channels/http2/fault.ts";
import { readSettings } from "../../../src/channels/http2/settings.ts";

const setting = (id: number, value: number) => {
  const bytes = Buffer.alloc(6);
  bytes.writeUInt16BE(id, 0);
  bytes.writeUInt32BE(value, 2);
  return bytes;
};

Deno.test("settings left out keep their value, and unknown settings are ignored", () => {
  const unsaid = readSettings(Buffer.alloc(0));
  assert.deepEqual(unsaid, { maxStreams: Infinity, initialWindow: 65_535, maxFrame: 16_384 });
  const said = readSettings(Buffer.concat([setting(3, 7), setting(99, 1), setting(2, 0)]), unsaid);
  assert.deepEqual(said, { ...unsaid, maxStreams: 7 });
  assert.deepEqual(readSettings(setting(4, 0), said), { ...said, initialWindow: 0 });
});

Deno.test.each([
  { why: "that it may be pushed to", id: 2, value: 1 },
  { why: "a window that is too large", id: 4, value: 2 ** 31 },
  { why: "frames that are too small", id: 5, value: 16_383 },
  { why: "frames that are too large", id: 5, value: 2 ** 24 },
])("a server that sends $why is refused", ({ id, value }) => {
  assert.throws(() => readSettings(setting(id, value)), Http2Fault);
});
