/**
 * A relay that takes two sessions and refuses any more, in the words of many servers:
 * 1,000 mails need one attempt each.
 *
 * @module
 */

import assert from "node:assert/strict";
import { openRawRelay, type Script } from "../channels/support/raw_relay.ts";
import { openWorld } from "./world.ts";

const MAILS = 1_000;

const words: readonly { readonly how: string; readonly tooMany: Script }[] = [
  { how: "421 as its greeting", tooMany: { greeting: "421 4.7.0 Too many connections" } },
  { how: "450 as its greeting", tooMany: { greeting: "450 4.3.2 try later" } },
  { how: "554 as its greeting", tooMany: { greeting: "554 5.7.1 too many" } },
  { how: "a hang-up", tooMany: { greeting: "drop" } },
  { how: "silence", tooMany: { greeting: "hang" } },
  { how: "421 at EHLO", tooMany: { ehlo: "421 4.7.0 too many" } },
  { how: "452 at EHLO", tooMany: { ehlo: "452 too many" } },
  { how: "421 at MAIL FROM", tooMany: { mail: "421 4.7.0 too many" } },
  { how: "451 at MAIL FROM", tooMany: { mail: "451 too many sessions" } },
  { how: "450 4.7.1 at MAIL FROM", tooMany: { mail: "450 4.7.1 too much mail" } },
  { how: "421 at RCPT TO", tooMany: { rcpt: "421 too many" } },
  { how: "452 4.3.2 at RCPT TO", tooMany: { rcpt: "452 4.3.2 connection rate limit" } },
  { how: "432 4.3.2 after the dot", tooMany: { dot: "432 4.3.2 Concurrent connections limit" } },
];

Deno.test.each(words)(
  "1,000 mails over a relay that takes two sessions and answers a third with $how",
  async ({ tooMany }) => {
    await using relay = openRawRelay({ sessions: 2, tooMany });
    await using world = openWorld(relay.port);
    const ids = await world.accept(MAILS, { retry: [60_000] });
    await world.allFinal(ids);
    const tasks = await Promise.all(ids.map((id) => world.engine.find(id)));
    const burned = tasks.filter((task) => task?.attempts.length !== 1);
    assert.equal(burned.length, 0, JSON.stringify(burned[0]?.attempts));
    assert.ok(tasks.every((task) => task?.state === "succeeded"));
    const copies = new Set(relay.taken.map(({ to }) => to[0]));
    assert.equal(copies.size, MAILS);
  },
);
