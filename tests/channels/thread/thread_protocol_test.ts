import assert from "node:assert/strict";
import { Stages } from "../../../src/channels/thread/thread_protocol.ts";

Deno.test("a stage that one side sets is seen by the other", () => {
  const worker = new Stages();
  const thread = new Stages(worker.shared);
  worker.begin(3);
  thread.setSending(3);
  assert.deepEqual([worker.isSending(3), worker.isSending(4)], [true, false]);
});

Deno.test("another attempt under the same ref begins anew", () => {
  const stages = new Stages();
  stages.setSending(3);
  stages.begin(3);
  assert.equal(stages.isSending(3), false);
});

Deno.test("there is a stage for each ref, however many attempts are in hand", () => {
  const worker = new Stages();
  const thread = new Stages(worker.shared);
  worker.begin(100_000);
  thread.setSending(100_000);
  assert.equal(worker.isSending(100_000), true);
});
