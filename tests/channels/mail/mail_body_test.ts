import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { buffer } from "node:stream/consumers";
import { bodyOf } from "../../../src/channels/mail/mail_body.ts";

Deno.test.each([0, 1, 65_536, 65_537, 200_000])(
  "a body of %s bytes goes out whole, and says once that its last piece leaves",
  async (length) => {
    const bytes = new Uint8Array(length).map((_, n) => n % 251);
    let last = 0;
    const body = bodyOf(bytes, () => last++);
    assert.equal(last, 0);
    const sent = await buffer(body.pipe(new PassThrough()));
    assert.deepEqual(new Uint8Array(sent), bytes);
    assert.equal(last, 1);
  },
);
