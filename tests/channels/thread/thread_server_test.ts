import assert from "node:assert/strict";
import type { Attempt } from "../../../src/channels/channel.ts";
import {
  type FromThread,
  Stages,
  type ToThread,
} from "../../../src/channels/thread/thread_protocol.ts";
import { openThreadServer } from "../../../src/channels/thread/thread_server.ts";
import { FakeClock, settled } from "../../support/fake_clock.ts";
import openEchoes from "../support/echo_table.ts";

async function setup(settings: string | null = null) {
  const clock = new FakeClock();
  const said: FromThread[] = [];
  const tell = openThreadServer({
    send: (message) => said.push(message),
    clock,
    load: () => Promise.resolve(openEchoes),
  });
  const stages = new Stages();
  tell({ type: "open", table: "echo", settings, stages: stages.shared });
  await settled();
  return { clock, tell, stages, heard: () => said.splice(0) };
}

function deliver(channel: string, ...refs: number[]): ToThread {
  return { type: "deliver", attempts: refs.map((ref) => ({ ref, channel, attempt: anAttempt() })) };
}

function anAttempt(): Attempt {
  return { taskId: "tsk_1", number: 1, createdAt: 0, deadlineAt: 1_000, payload: "hello" };
}

Deno.test("A thread says what graces its channels have, once they are open", async () => {
  const { heard } = await setup();
  assert.deepEqual(heard(), [{ type: "opened", graces: { hang: 600_000 } }]);
});

Deno.test("A thread whose channels do not open says why", async () => {
  const { heard } = await setup("broken");
  const [message] = heard();
  assert.ok(message?.type === "failed_to_open");
  assert.match(message.detail, /no such relay/);
});

Deno.test("Outcomes that come within one turn cross together", async () => {
  const { tell, heard } = await setup();
  heard();
  tell(deliver("echo", 1, 2, 3));
  await settled();
  const outcome = { kind: "delivered", result: "hello" };
  assert.deepEqual(heard(), [{
    type: "settled",
    outcomes: [{ ref: 1, outcome }, { ref: 2, outcome }, { ref: 3, outcome }],
  }]);
});

Deno.test("A stage is there at once, without a message; figures are joined", async () => {
  const { clock, tell, stages, heard } = await setup();
  heard();
  tell(deliver("hang", 7));
  assert.deepEqual([stages.isSending(7), stages.isSending(8)], [true, false]);
  assert.deepEqual(heard(), []);
  await clock.advance(250);
  const list = [{ ref: 7, bytes: 2, totalBytes: 3 }];
  assert.deepEqual(heard(), [{ type: "figures", list }]);
  await clock.advance(1_000);
  assert.deepEqual(heard(), []);
});

Deno.test("An abort reaches its attempt alone, with its cause", async () => {
  const { tell, heard } = await setup();
  tell(deliver("hang", 1, 2));
  heard();
  tell({ type: "abort", ref: 2, cause: "timeout" });
  tell({ type: "abort", ref: 99, cause: "timeout" });
  await settled();
  const outcome = { kind: "unknown", error: { code: "timeout", detail: "cut off" } };
  assert.deepEqual(heard(), [{ type: "settled", outcomes: [{ ref: 2, outcome }] }]);
});

Deno.test("A channel that breaks is a deferred outcome and a line in the log", async () => {
  const { tell, heard } = await setup();
  heard();
  tell(deliver("bug", 1));
  await settled();
  const [log, outcome] = heard();
  assert.ok(log?.type === "log" && outcome?.type === "settled");
  assert.match(String(log.fields.error), /x is not a function/);
  assert.equal(outcome.outcomes[0]?.outcome.kind, "deferred");
});

Deno.test("A channel that is not in the table rejects", async () => {
  const { tell, heard } = await setup();
  heard();
  tell(deliver("pigeon", 1));
  await settled();
  const [message] = heard();
  assert.ok(message?.type === "settled");
  assert.equal(message.outcomes[0]?.outcome.kind, "rejected");
});

Deno.test("close() cuts off what is in hand and says when it is done", async () => {
  const { tell, heard } = await setup();
  tell(deliver("hang", 1));
  heard();
  tell({ type: "close" });
  await settled();
  assert.deepEqual(heard().map(({ type }) => type).sort(), ["closed", "settled"]);
});
