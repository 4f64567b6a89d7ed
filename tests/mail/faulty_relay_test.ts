/**
 * The whole way of many mails, from the queue to a relay that fails often: each
 * recipient gets exactly one copy, but for mails that are marked.
 *
 * @module
 */

import assert from "node:assert/strict";
import { openRawRelay, type Script } from "../channels/support/raw_relay.ts";
import { openWorld } from "./world.ts";
import { seeded } from "../support/seeded.ts";

/** `MAILS=20000` is the long form: a minute or two. */
const MAILS = Number(Deno.env.get("MAILS") ?? 2_000);

Deno.test("thousands of mails through a relay that fails at every third step: one copy each, or marked", async () => {
  const random = seeded(20_261_130);
  const kept: number[] = [];
  const maybe = (share: number, ...faults: string[]) =>
    random() < share ? faults[Math.floor(random() * faults.length)] : undefined;
  const script = {
    get greeting() {
      return maybe(0.1, "421 4.7.0 busy", "drop") ?? "220 ready";
    },
    get mail() {
      return maybe(0.08, "451 4.3.0 later", "drop", "421 bye") ?? "250 ok";
    },
    get rcpt() {
      return maybe(0.08, "450 4.2.0 greylisted", "drop", "452 4.5.3 too many") ?? "250 ok";
    },
    get data() {
      return maybe(0.05, "451 4.3.0 later", "drop") ?? "354 go on";
    },
    get dot() {
      const fault = maybe(0.09, "451 4.3.0 later", "452 4.3.1 full", "drop", "421 bye");
      // A relay that hangs up after the dot may have kept the mail.
      if (fault === undefined || fault === "drop") kept.push(relay.taken.length - 1);
      return fault ?? "250 2.0.0 Ok: queued as ABC";
    },
  } as Script;
  await using relay = openRawRelay(script);
  await using world = openWorld(relay.port);
  const ids = await world.accept(MAILS, { retry: Array(30).fill(5_000) });
  await world.allFinal(ids);
  const copies = Map.groupBy(kept, (index) => relay.taken[index]?.to[0]);
  let marked = 0;
  for (const [i, id] of ids.entries()) {
    const task = await world.engine.find(id);
    const count = copies.get(`u${i}@example.org`)?.length ?? 0;
    assert.equal(task?.state, "succeeded", JSON.stringify(task?.error));
    assert.ok(count >= 1, `${id} was not delivered`);
    if (task?.possibleDuplicate) marked++;
    else assert.equal(count, 1, `${id} was delivered ${count} times without a mark`);
  }
  assert.ok(marked > 0 && marked < MAILS / 10, `${marked} mails are marked`);
});
