import assert from "node:assert/strict";
import { queueIdOf } from "../../../src/channels/mail/queue_id.ts";

const replies: { relay: string; reply: string; id: string | undefined }[] = [
  { relay: "Postfix", reply: "250 2.0.0 Ok: queued as 4Zp1xk2Jc3z1", id: "4Zp1xk2Jc3z1" },
  { relay: "Exim", reply: "250 OK id=1rABcd-000123-4x", id: "1rABcd-000123-4x" },
  {
    relay: "Sendmail",
    reply: "250 2.0.0 5BKAxyz1012345 Message accepted for delivery",
    id: "5BKAxyz1012345",
  },
  {
    relay: "Gmail",
    reply: "250 2.0.0 OK  1735689600 a1b2c3d4e5f6-789abc.12 - gsmtp",
    id: "a1b2c3d4e5f6-789abc.12",
  },
  {
    relay: "SES",
    reply: "250 Ok 010001940a1b2c3d-4e5f6a7b-000000",
    id: "010001940a1b2c3d-4e5f6a7b-000000",
  },
  {
    relay: "Exchange",
    reply: "250 2.6.0 <a@b> [InternalId=12345, Hostname=x] Queued mail for delivery",
    id: "12345",
  },
  { relay: "qmail", reply: "250 ok 1764514800 qp 12345", id: "12345" },
  { relay: "one with brackets", reply: "250 2.0.0 queued as <X-1@y>", id: "X-1" },
  { relay: "one that names none", reply: "250 2.0.0 Ok", id: undefined },
];

Deno.test.each(replies)("queueIdOf() reads $relay's reply", ({ reply, id }) => {
  assert.equal(queueIdOf(reply), id);
});

Deno.test("a long reply without an id is searched once", () => {
  // It took minutes: a search began at each character.
  assert.equal(queueIdOf(`250 ${"a.".repeat(500_000)}`), undefined);
});
