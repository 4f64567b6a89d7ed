import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { readHuffman } from "../../../src/channels/http2/huffman.ts";

// RFC 7541, appendix C.
Deno.test.each([
  { hex: "", text: "" },
  { hex: "f1e3c2e5f23a6ba0ab90f4ff", text: "www.example.com" },
  { hex: "a8eb10649cbf", text: "no-cache" },
  { hex: "25a849e95ba97d7f", text: "custom-key" },
  { hex: "25a849e95bb8e8b4bf", text: "custom-value" },
  { hex: "d07abe941054d444a8200595040b8166e082a62d1bff", text: "Mon, 21 Oct 2013 20:13:21 GMT" },
  {
    hex:
      "94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007",
    text: "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1",
  },
])("$hex decodes to $text", ({ hex, text }) => {
  assert.equal(readHuffman(Buffer.from(hex, "hex")), text);
});

Deno.test.each([
  { hex: "ff", why: "it is eight bits of nothing" },
  { hex: "18", why: "what fills it up is not all ones" },
  { hex: "ffffffff", why: "it says that a text ends" },
  { hex: "1fff", why: "a byte more than needed fills it up" },
])("$hex is refused: $why", ({ hex }) => {
  assert.equal(readHuffman(Buffer.from(hex, "hex")), undefined);
});

Deno.test("the symbol with the longest code is decoded", () => {
  // A line feed: thirty ones but for the last two bits.
  assert.equal(readHuffman(Buffer.from("fffffff3", "hex")), "\n");
});
