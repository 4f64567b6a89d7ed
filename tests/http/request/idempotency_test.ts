import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { openIdempotency } from "../../../src/http/request/idempotency.ts";
import { FakeClock } from "../../support/fake_clock.ts";

/** A body is hashed in slices of this length when it is longer than four of them. */
const SLICE = 2 ** 18;

const bodies = [4, 5, 9].flatMap((slices) =>
  [-2, -1, 0, 1, 2].flatMap((more) => {
    const length = slices * SLICE + more;
    const wide = "\u{1f600}".repeat(length).slice(0, length);
    return [
      { length, of: "letters", body: "x".repeat(length) },
      { length, of: "pairs", body: wide },
      { length, of: "a letter and pairs", body: `x${wide.slice(0, -1)}` },
      { length, of: "halves of pairs", body: "\ud83d".repeat(length) },
    ];
  })
);

Deno.test.each(bodies)(
  "a body of $length characters, $of, has the hash of the whole under an Idempotency-Key",
  async ({ body }) => {
    const request = new Request("http://localhost/", { headers: { "idempotency-key": "a" } });
    const idempotent = await openIdempotency(new FakeClock()).begin(request, "", body);
    const whole = createHash("sha256").update(new TextEncoder().encode(body)).digest("hex");
    assert.equal(idempotent?.key.fingerprint, whole);
  },
);
