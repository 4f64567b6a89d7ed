import assert from "node:assert/strict";
import { parseBytes } from "../../src/lib/byte_size.ts";

Deno.test("a size is a whole number and a unit", () => {
  const sizes = { "1B": 1, "2 KiB": 2_048, "500MiB": 524_288_000, "3TiB": 3 * 2 ** 40 };
  for (const [text, bytes] of Object.entries(sizes)) assert.equal(parseBytes(text), bytes, text);
  for (const text of ["", "1", "0B", "1.5GiB", "1GB", "-1B", "GiB", "9000000TiB"]) {
    assert.equal(parseBytes(text), undefined, text);
  }
});
