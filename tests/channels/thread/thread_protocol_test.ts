import assert from "node:assert/strict";
import { Stages } from "../../../src/channels/thread/thread_protocol.ts";

Deno.test("A stage set on one side is visible on the other", () => {
  const worker = new Stages();
  const thread = new Stages(worker.shared);
  worker.begin(3);
  thread.set(3, "sending");
  assert.deepEqual([worker.has(3, "sending"), worker.has(4, "sending")], [true, false]);
});

Deno.test("A reused ref starts without a stage", () => {
  const stages = new Stages();
  stages.set(3, "sending");
  stages.begin(3);
  assert.equal(stages.has(3, "sending"), false);
});

Deno.test("Every ref has a stage, however many attempts are running", () => {
  const worker = new Stages();
  const thread = new Stages(worker.shared);
  worker.begin(100_000);
  thread.set(100_000, "sending");
  assert.equal(worker.has(100_000, "sending"), true);
});
