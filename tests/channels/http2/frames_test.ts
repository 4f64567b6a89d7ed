import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { Http2Fault } from "../../../src/channels/http2/fault.ts";
import {
  Flag,
  frame,
  FrameReader,
  FrameType,
  headersFrames,
  numbersFrame,
  unpadded,
} from "../../../src/channels/http2/frames.ts";

Deno.test("frames are read the same from chunks of any size", () => {
  const aFrame = fc.record({
    type: fc.constantFrom(FrameType.data, FrameType.headers, FrameType.continuation, 99),
    flags: fc.nat(255),
    streamId: fc.nat(2 ** 31 - 1),
    payload: fc.uint8Array({ maxLength: 60 }),
  }, { noNullPrototype: true });
  fc.assert(
    fc.property(fc.array(aFrame, { maxLength: 5 }), fc.array(fc.nat(80)), (frames, cuts) => {
      let rest = Buffer.concat(
        frames.map(({ type, flags, streamId, payload }) => frame(type, flags, streamId, payload)),
      );
      const pieces = cuts.map((bytes) => {
        const piece = rest.subarray(0, bytes);
        rest = rest.subarray(bytes);
        return piece;
      });
      const reader = new FrameReader();
      const read = [...pieces, rest].flatMap((piece) => [...reader.read(piece)]);
      assert.deepEqual(
        read.map(({ payload, ...head }) => ({ ...head, payload: new Uint8Array(payload) })),
        frames,
      );
    }),
  );
});

Deno.test.each([
  { why: "too long a frame", bytes: Buffer.from("004001000000000001", "hex") },
  { why: "half a setting", bytes: frame(FrameType.settings, 0, 0, new Uint8Array(5)) },
  { why: "a ping of seven bytes", bytes: frame(FrameType.ping, 0, 0, new Uint8Array(7)) },
  { why: "a farewell without a code", bytes: numbersFrame(FrameType.goAway, 0, 1) },
  { why: "a reset with two codes", bytes: numbersFrame(FrameType.reset, 1, 1, 2) },
  { why: "a window without a size", bytes: numbersFrame(FrameType.windowUpdate, 1) },
])("$why is refused", ({ bytes }) => {
  assert.throws(() => [...new FrameReader().read(bytes)], Http2Fault);
});

Deno.test("a header block is split into frames and its end is marked", () => {
  const frames = [...new FrameReader().read(headersFrames(5, new Uint8Array(250), true, 100))];
  assert.deepEqual(
    frames.map(({ type, flags, payload }) => [type, flags, payload.length]),
    [
      [FrameType.headers, Flag.endStream, 100],
      [FrameType.continuation, 0, 100],
      [FrameType.continuation, Flag.endHeaders, 50],
    ],
  );
});

Deno.test("padding and priority are removed, and padding beyond the end is refused", () => {
  const read = (
    type: number,
    flags: number,
    ...payload: number[]
  ) => [...unpadded({ type, flags, streamId: 1, payload: Buffer.from(payload) })];
  assert.deepEqual(read(FrameType.data, 0, 1, 2, 3), [1, 2, 3]);
  assert.deepEqual(read(FrameType.data, Flag.padded, 1, 2, 3), [2]);
  assert.deepEqual(read(FrameType.headers, Flag.priority, 0, 0, 0, 0, 0, 7), [7]);
  assert.deepEqual(read(FrameType.headers, Flag.priority | Flag.padded, 1, 0, 0, 0, 0, 0, 7, 0), [
    7,
  ]);
  assert.throws(() => read(FrameType.data, Flag.padded, 3, 2, 3), Http2Fault);
  assert.throws(() => read(FrameType.data, Flag.padded), Http2Fault);
});
