import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import {
  brotliCompressSync,
  deflateRawSync,
  deflateSync,
  gzipSync,
  zstdCompressSync,
} from "node:zlib";
import { BodyError } from "../../../src/channels/compute/decoder.ts";
import { inlineCompute } from "../../../src/channels/compute/inline_compute.ts";
import { BodyDigest, codingsOf } from "../../../src/channels/http/body.ts";

const TEXT = Array.from({ length: 150 }, (_, n) => `Line ${n * n} of the body\n`).join("");

const CODINGS = [
  { coding: "gzip", encode: gzipSync },
  { coding: "deflate", encode: deflateSync },
  { coding: "raw deflate", encode: deflateRawSync },
  { coding: "br", encode: brotliCompressSync },
  { coding: "zstd", encode: zstdCompressSync },
] as { coding: string; encode: (text: string) => Buffer }[];

/** Two frames that the program `zstd` made, with checksums. */
const TWO_FRAMES = Buffer.from(
  "KLUv/QRYWQAAZmlyc3QgenN0ZCBMeCpxKLUv/QRYWQAAc2Vjb25kIHpzdGT6yoK4",
  "base64",
);

/** Decodes `encoded`, written in chunks of `size` bytes; the code of the fault when there is one. */
async function decode(coding: string, encoded: Uint8Array, size = encoded.length) {
  const digest = new BodyDigest(1_000_000, 1_000_000);
  try {
    const sink = inlineCompute().decode(digest, codingsOf(coding.replace("raw ", "")));
    for (let at = 0; at < encoded.length; at += size) {
      await sink.write(encoded.slice(at, at + size));
    }
    await sink.end();
    return { text: new TextDecoder().decode(digest.beginning()) };
  } catch (error) {
    assert.ok(error instanceof BodyError, String(error));
    return { fault: error.code };
  }
}

Deno.test.each(CODINGS)("$coding is decoded from chunks of any size", async (row) => {
  for (const text of ["x", TEXT, TEXT.repeat(50)]) {
    const encoded = row.encode(text);
    for (const size of [1, 7, 64, encoded.length]) {
      assert.deepEqual(await decode(row.coding, encoded, size), { text }, `chunks of ${size}`);
    }
  }
});

Deno.test.each(CODINGS)("$coding that is cut anywhere is a fault", async ({ coding, encode }) => {
  const encoded = encode(TEXT);
  for (let length = 1; length < encoded.length; length++) {
    for (const size of [length, 64]) {
      const decoded = await decode(coding, encoded.subarray(0, length), size);
      assert.deepEqual(decoded, { fault: "bad_response" }, `the first ${length} bytes`);
    }
  }
});

Deno.test.each(CODINGS)("$coding with data after its end is a fault", async (row) => {
  const encoded = row.encode(TEXT);
  for (const size of [encoded.length, 1, 1_000_000]) {
    const longer = Buffer.concat([encoded, Buffer.from("more than that")]);
    assert.deepEqual(await decode(row.coding, longer, size), { fault: "bad_response" });
  }
});

Deno.test("gzip may be padded with zeros", async () => {
  const padded = Buffer.concat([gzipSync(TEXT), Buffer.alloc(700)]);
  for (const size of [padded.length, 1]) {
    assert.deepEqual(await decode("gzip", padded, size), { text: TEXT });
  }
});

Deno.test.each([
  { coding: "gzip", encoded: Buffer.concat([gzipSync("first"), gzipSync("second")]) },
  {
    coding: "zstd",
    encoded: Buffer.concat([zstdCompressSync("first"), zstdCompressSync("second")]),
  },
])("$coding of several parts is decoded completely", async ({ coding, encoded }) => {
  for (const size of [encoded.length, 1, 5, 22]) {
    assert.deepEqual(await decode(coding, encoded, size), { text: "firstsecond" });
  }
});

Deno.test("zstd frames of another encoder are decoded, with skippable and empty frames between", async () => {
  const skippable = Buffer.from([0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3]);
  const empty = zstdCompressSync("");
  const encoded = Buffer.concat([skippable, TWO_FRAMES, empty, skippable, TWO_FRAMES, empty]);
  for (const size of [encoded.length, 1, 3, 25, 26]) {
    const decoded = await decode("zstd", encoded, size);
    assert.deepEqual(decoded, { text: "first zstd second zstd".repeat(2) }, `chunks of ${size}`);
  }
  for (let length = 1; length < TWO_FRAMES.length; length++) {
    const { text, fault } = await decode("zstd", TWO_FRAMES.subarray(0, length));
    if (text === undefined) assert.equal(fault, "bad_response");
    else assert.deepEqual([text, length], ["first zstd ", 24]);
  }
});

Deno.test("an empty encoded body is empty", async () => {
  for (const { coding } of CODINGS) {
    assert.deepEqual(await decode(coding, new Uint8Array()), { text: "" });
  }
});
