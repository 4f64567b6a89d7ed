import assert from "node:assert/strict";
import { Stages } from "../../../src/channels/thread/thread_protocol.ts";

Deno.test("A stage set on one side is visible on the other", () => {
  const worker = new Stages();
  const thread = new Stages(worker.shared);
  worker.begin(3);
  thread.setSending(3);
  assert.deepEqual([worker.isSending(3), worker.isSending(4)], [true, false]);
});

Deno.test("A reused ref starts without a stage", () => {
  const stages = new Stages();
  stages.setSending(3);
  stages.begin(3);
  assert.equal(stages.isSending(3), false);
});

Deno.test("Every ref has a stage, however many attempts are running", () => {
  const worker = new Stages();
  const thread = new Stages(worker.shared);
  worker.begin(100_000);
  thread.setSending(100_000);
  assert.equal(worker.isSending(100_000), true);
});
