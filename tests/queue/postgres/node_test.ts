import assert from "node:assert/strict";
import type { Session } from "../../../src/queue/postgres/database/connection.ts";
import { Node } from "../../../src/queue/postgres/nodes/node.ts";
import { FakeClock } from "../../support/fake_clock.ts";

Deno.test("contact is lost when no heartbeat was sent for ten seconds of the node's clock", async () => {
  const clock = new FakeClock();
  const node = new Node({
    schema: "s",
    clock,
    name: "a",
    report: () => ({ role: "all", version: "test", running: 0, concurrency: 1 }),
  });
  const session = { run: () => Promise.resolve([[0, null]]) } as Session;
  await node.beat(session);
  await clock.advance(10_000);
  assert.equal(node.hasLostContact, false);
  await clock.advance(1);
  assert.equal(node.hasLostContact, true);
  await node.beat(session);
  assert.equal(node.hasLostContact, false);
});
