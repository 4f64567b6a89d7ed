import assert from "node:assert/strict";
import { openMemoryEngine } from "../../src/queue/memory/engine.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { engineContract } from "./contract.ts";

engineContract("memory", (options) => Promise.resolve(openMemoryEngine(options)));

Deno.test("memory: the engine says that it is not durable", async () => {
  await using engine = openMemoryEngine({ clock: new FakeClock() });
  assert.equal(engine.durable, false);
  assert.equal(engine.recovered, 0);
});
