import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { Http2Fault } from "../../../src/channels/http2/fault.ts";
import { HeaderReader, writeHeaders } from "../../../src/channels/http2/header_block.ts";

const hex = (text: string) => Buffer.from(text.replaceAll(" ", ""), "hex");
const DATE = ["date", "Mon, 21 Oct 2013 20:13:21 GMT"];
const LATER = ["date", "Mon, 21 Oct 2013 20:13:22 GMT"];
const PLACE = ["location", "https://www.example.com"];

Deno.test("the examples of RFC 7541, C.6, are decoded with a table of 256 bytes", () => {
  const reader = new HeaderReader(1_000);
  assert.deepEqual(
    reader.read(hex(
      // Says first that the table holds 256 bytes.
      "3fe101 4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6" +
        "2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3",
    )),
    [[":status", "302"], ["cache-control", "private"], DATE, PLACE],
  );
  assert.deepEqual(
    reader.read(hex("4883 640e ffc1 c0bf")),
    [[":status", "307"], ["cache-control", "private"], DATE, PLACE],
  );
  assert.deepEqual(
    reader.read(hex(
      "88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7" +
        "821d d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed" +
        "4ee5 b106 3d50 07",
    )),
    [
      [":status", "200"],
      ["cache-control", "private"],
      LATER,
      PLACE,
      ["content-encoding", "gzip"],
      ["set-cookie", "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1"],
    ],
  );
});

Deno.test("a written block decodes to its fields", () => {
  const text = fc.string({
    unit: fc.integer({ min: 32, max: 255 }).map((n) => String.fromCharCode(n)),
  });
  const name = fc.oneof(fc.constantFrom(":path", "cookie", "accept", "x"), text);
  fc.assert(fc.property(fc.array(fc.tuple(name, text)), (fields) => {
    assert.deepEqual(new HeaderReader(1_000_000).read(writeHeaders(fields)), fields);
  }));
  const long: [string, string][] = [["x", "y".repeat(100_000)]];
  assert.deepEqual(new HeaderReader(1_000_000).read(writeHeaders(long)), long);
});

Deno.test("written fields never enter the server's table", () => {
  const secret: [string, string] = ["authorization", "Bearer secret"];
  const block = writeHeaders([[":method", "GET"], secret, ["x-key", "secret"]]);
  // The table size is zero; an indexed field, then two that are never indexed.
  assert.deepEqual([block[0], block[1], (block[2] ?? 0) & 0xf0], [0x20, 0x82, 0x10]);
  assert.equal(block[block.indexOf(Buffer.from("x-key")[0] ?? 0) - 2], 0x10);
});

Deno.test.each([
  { why: "an index of nothing", block: "80" },
  { why: "an index beyond the tables", block: "be" },
  { why: "a number without end", block: "ffffffffffff" },
  { why: "a number that is cut", block: "ff" },
  { why: "a string that is cut", block: "0001" },
  { why: "a table larger than allowed", block: "3fe11f8820" },
  { why: "a table changed amid the block", block: "8820" },
  { why: "a code that is none", block: "000181ff0178" },
  { why: "fields longer than allowed", block: "40017864" + "61".repeat(100) + "be".repeat(20) },
])("$why is refused", ({ block }) => {
  assert.throws(() => new HeaderReader(1_000).read(hex(block)), Http2Fault);
});

Deno.test("random bytes are decoded or refused within the bound", () => {
  fc.assert(fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 5 }), (blocks) => {
    const reader = new HeaderReader(2_000);
    try {
      for (const block of blocks) {
        const bytes = reader.read(block).reduce(
          (sum, [name, value]) => sum + name.length + value.length + 32,
          0,
        );
        assert.ok(bytes <= 2_000);
      }
    } catch (error) {
      assert.ok(error instanceof Http2Fault, String(error));
    }
  }));
});
